import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from support.web_stage import FakeBackend, control_client, on_tcp, run
from support.web_views import cluster

EXPLAIN = "/api/v1/explain?name=mx1.example.com&type=A"
READ_PATHS = ["/metrics", "/healthz", "/readyz", "/api/v1/status", EXPLAIN]


def test_the_status_is_json() -> None:
    async def check(session: ClientSession) -> None:
        async with session.get("/api/v1/status") as response:
            assert response.status == 200
            assert response.content_type == "application/json"
            found = await response.json()
        assert found["generation"] == 7
        assert [node["node"] for node in found["nodes"]][:2] == ["server1", "server2"]
        assert found["hosts"][0]["host"] == "mx1.example.com."

    on_tcp(check, FakeBackend(cluster()))


def test_metrics_are_text_by_default_and_openmetrics_when_asked_for() -> None:
    async def check(session: ClientSession) -> None:
        async with session.get("/metrics") as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert "rrdns_table_generation 7.0\n" in await response.text()
        accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        async with session.get("/metrics", headers=accept) as response:
            assert response.content_type == "application/openmetrics-text"
            assert (await response.text()).endswith("# EOF\n")

    on_tcp(check, FakeBackend(cluster()))


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        ("/healthz", {"troubles": ("one thing", "another")}, "one thing\nanother\n"),
        ("/readyz", {"ready": False}, "answers are not served yet\n"),
    ],
)
def test_health_and_readiness(path: str, change: dict[str, Any], said: str) -> None:
    backend = FakeBackend(cluster())

    async def check(session: ClientSession) -> None:
        async with session.get(path) as response:
            assert (response.status, await response.text()) == (200, "ok\n")
        backend.now = replace(backend.now, **change)
        async with session.get(path) as response:
            assert (response.status, await response.text()) == (503, said)

    on_tcp(check, backend)


@pytest.mark.parametrize("path", READ_PATHS)
def test_head_gives_the_headers_alone(path: str) -> None:
    async def check(session: ClientSession) -> None:
        async with session.head(path) as response:
            assert response.status == 200
            assert int(response.headers["Content-Length"]) > 0
            assert await response.read() == b""

    on_tcp(check, FakeBackend(cluster()))


def test_an_unknown_path_is_a_short_404() -> None:
    async def check(session: ClientSession) -> None:
        async with session.get("/favicon.ico") as response:
            assert (response.status, await response.json()) == (404, {"error": "Not Found"})

    on_tcp(check, FakeBackend(cluster()))


@pytest.mark.parametrize("path", READ_PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_tcp_is_read_only(method: str, path: str) -> None:
    async def check(session: ClientSession) -> None:
        async with session.request(method, path, data=b"x") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")
            assert await response.json() == {"error": "Method Not Allowed"}

    on_tcp(check, FakeBackend(cluster()))


def test_there_is_no_reload_on_tcp() -> None:
    backend = FakeBackend(cluster())

    async def check(session: ClientSession) -> None:
        async with session.post("/api/v1/reload") as response:
            assert response.status == 404

    on_tcp(check, backend)
    assert backend.reloads == 0


def test_reload_on_the_control_socket(tmp_path: Path) -> None:
    async def main() -> None:
        backend = FakeBackend(cluster())
        async with control_client(backend, tmp_path) as session:
            async with session.post("/api/v1/reload") as response:
                assert response.status == 200
                assert await response.json() == {"ok": True, "changes": ["nodes: added server3"]}
            async with session.get("/api/v1/reload") as response:
                assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert backend.reloads == 1

    run(main())


def test_a_refused_reload_gives_every_error(tmp_path: Path) -> None:
    errors = ["rrdns.yaml:3:1: nodes: empty", "rrdns.yaml:9:5: zones: empty"]

    async def main() -> None:
        async with (
            control_client(FakeBackend(cluster(), errors), tmp_path) as session,
            session.post("/api/v1/reload") as response,
        ):
            assert response.status == 422
            assert await response.json() == {"ok": False, "errors": errors}

    run(main())


def test_the_control_socket_has_the_pages_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with control_client(FakeBackend(cluster()), tmp_path) as session:
            for path in READ_PATHS:
                async with session.get(path) as response:
                    assert response.status == 200

    run(main())


def test_text_that_a_peer_sent_arrives_whole() -> None:
    view = cluster()
    key = next(iter(view.states))
    nasty = 'ready "\\ \x00 \x7f ü \udcff </script>'
    last = replace(view.states[key].last or pytest.fail("no result"), text=nasty)
    states = {**view.states, key: replace(view.states[key], last=last)}

    async def check(session: ClientSession) -> None:
        async with session.get("/api/v1/status") as response:
            found = json.loads(await response.read())
        assert found["nodes"][0]["last"]["text"] == nasty

    on_tcp(check, FakeBackend(replace(view, states=states)))


def test_many_clients_at_once_are_all_served() -> None:
    async def check(session: ClientSession) -> None:
        async def status_of(path: str) -> int:
            async with session.get(path) as response:
                await response.read()
                return response.status

        found = await asyncio.gather(*(status_of(path) for path in READ_PATHS * 15))
        assert set(found) == {200}

    on_tcp(check, FakeBackend(cluster()))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "name and type are needed"),
        ("?name=mx1.example.com", "name and type are needed"),
        ("?name=a..b&type=A", "empty label"),
        ("?name=a.test&type=AA", "record type"),
    ],
)
def test_what_is_no_query_is_not_explained(query: str, words: str) -> None:
    async def check(session: ClientSession) -> None:
        async with session.get(f"/api/v1/explain{query}") as response:
            assert response.status == 400
            assert words in (await response.json())["error"]

    on_tcp(check, FakeBackend(cluster()))
