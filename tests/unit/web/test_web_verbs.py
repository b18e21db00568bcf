"""PUT /api/v1/nodes: overrides over the control socket, and only there."""

from pathlib import Path

import pytest
from aiohttp import ClientSession
from support.web_stage import FakeBackend, control_client, on_tcp, run
from support.web_views import cluster
from yarl import URL

from rrdns.health.overrides import Change, Done, Order, Place
from rrdns.targets import Override, Verdict


def test_an_override_on_the_control_socket(tmp_path: Path) -> None:
    override = Override(Verdict.DOWN, 1.0, 7201.0, "new disks")
    place: Place = ("server1", None)

    async def main() -> None:
        backend = FakeBackend(cluster())
        backend.done = Done((Change(place, None, override),), "the disk is full", ("a host",))
        async with control_client(backend, tmp_path) as session:
            body = {"state": "down", "for": "2h", "reason": "new disks"}
            async with session.put("/api/v1/nodes/server1", json=body) as response:
                assert response.status == 200
                assert await response.json() == {
                    "ok": True,
                    "changed": [
                        {
                            "node": "server1",
                            "role": None,
                            "was": None,
                            "override": {
                                "role": None,
                                "state": "down",
                                "since": 1.0,
                                "until": 7201.0,
                                "reason": "new disks",
                            },
                        }
                    ],
                    "kept": False,
                    "warnings": ["this will not survive a restart: the disk is full", "a host"],
                }
        assert backend.orders == [Order("server1", Verdict.DOWN, 7200.0, "new disks")]

    run(main())


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("server1/primary", "server1/primary"),
        ("server*", "server*"),
        ("server%2A/%5Bps%5D*", "server*/[ps]*"),
        ("mx4.example.com.", "mx4.example.com."),
        ("a%3Fb", "a?b"),
        ("a%20b%25", "a b%"),
        ("server1%2Fprimary", "server1/primary"),
    ],
)
def test_a_pattern_in_the_path_arrives_as_it_was_written(
    tmp_path: Path, path: str, pattern: str
) -> None:
    async def main() -> None:
        backend = FakeBackend(cluster())
        async with control_client(backend, tmp_path) as session:
            url = URL(f"http://localhost/api/v1/nodes/{path}", encoded=True)
            async with session.put(url, json={"state": "auto"}) as response:
                assert response.status == 200
                assert await response.json() == {
                    "ok": True, "changed": [], "kept": True, "warnings": [],
                }  # fmt: skip
        assert backend.orders == [Order(pattern, None)]

    run(main())


def test_orders_that_cannot_be_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        backend = FakeBackend(cluster())
        async with control_client(backend, tmp_path) as session:
            for path, body, status in (
                ("server1", b"{", 400),
                ("nobody", b'{"state": "up"}', 404),
                ("nobody/primary", b'{"state": "up"}', 404),
                ("server1/primary/x", b'{"state": "up"}', 404),
                ("", b'{"state": "up"}', 404),
                ("server1", b"x" * 70_000, 413),
            ):
                async with session.put(f"/api/v1/nodes/{path}", data=body) as response:
                    assert response.status == status, (path, body)
                    assert list(await response.json()) == ["error"]
            for method in ("GET", "POST", "DELETE"):
                async with session.request(method, "/api/v1/nodes/server1") as response:
                    assert (response.status, response.headers["Allow"]) == (405, "PUT")
        assert [order.pattern for order in backend.orders] == ["nobody", "nobody/primary"]

    run(main())


def test_there_are_no_overrides_on_tcp() -> None:
    backend = FakeBackend(cluster())

    async def check(session: ClientSession) -> None:
        for path in ("server1", "server1/primary"):
            async with session.put(f"/api/v1/nodes/{path}", json={"state": "down"}) as response:
                assert response.status == 404

    on_tcp(check, backend)
    assert backend.orders == []
