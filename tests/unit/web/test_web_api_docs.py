"""The page about the API has exactly the keys and types that a real server's documents have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector
from support.service_stage import REFUSES, Stage, staged_in

PAGE = (Path(__file__).parents[3] / "docs/api.md").read_text()
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "whole number": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
}
# Their keys are names of the world, not ours.
OPEN = ("nodes[].last.seconds", "hosts[].leads")
Documents = dict[str, list[Any]]


def documented(heading: str) -> dict[str, str]:
    """Return the types of a section's last table by their keys."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section is not None
    table = section[1].rpartition("| key | type |")[2]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", table, re.MULTILINE)
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def values(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of a document with its path, those that hold others too."""
    if path:
        yield path, document
    if isinstance(document, dict):
        for key, value in document.items():
            name = "*" if path in OPEN else key
            yield from values(value, f"{path}.{name}" if path else name)
    if isinstance(document, list):
        for value in document:
            yield from values(value, f"{path}[]")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """What a real server says, with one node up, one down, one overridden and one gone."""
    found: Documents = {}

    async def body(stage: Stage) -> None:
        directory = stage.path.parent
        await stage.peers.add("127.0.4.1")
        await stage.peers.add("127.0.4.2", REFUSES)
        await stage.peers.add("127.0.4.3")
        stage.write("127.0.4.1", "127.0.4.2", "127.0.4.3")
        connector = UnixConnector(str(directory / "control.sock"))
        async with (
            stage.running(state_directory=str(directory)),
            ClientSession("http://rrdns", connector=connector) as session,
        ):

            async def ask(heading: str, method: str, path: str, **more: Any) -> None:
                async with session.request(method, path, **more) as reply:
                    found.setdefault(heading, []).append(json.loads(await reply.read()))

            nodes = "/api/v1/nodes/"
            down = {"state": "down", "for": "2h", "reason": "new disks"}
            await ask("Status", "GET", "/api/v1/status")
            await ask("Overrides", "PUT", f"{nodes}server*", json=down)
            await ask("Overrides", "PUT", f"{nodes}server3/primary", json={"state": "up"})
            await ask("Overrides", "PUT", f"{nodes}server1", json={"state": "auto"})
            for name, rrtype in (
                ("mx1.example.com", "A"),
                ("mx1.example.com", "AAAA"),
                ("customer.test", "MX"),
                ("www.example.org", "A"),
                ("example.com", "AXFR"),
            ):
                await ask("Explain", "GET", f"/api/v1/explain?name={name}&type={rrtype}")
            stage.path.write_text(stage.path.read_text() + "colour: red\n")
            await ask("Reload", "POST", "/api/v1/reload")
            await ask("Status", "GET", "/api/v1/status")

    staged_in(tmp_path_factory.mktemp("api"))(body)
    return found


@pytest.mark.parametrize("heading", ["Status", "Overrides", "Explain"])
def test_each_value_has_the_type_that_is_documented(documents: Documents, heading: str) -> None:
    keys = documented(heading)
    # Objects whose keys stand elsewhere on the page.
    closed = [
        key
        for key, kind in keys.items()
        if kind.startswith("object") and not any(other.startswith(f"{key}.") for other in keys)
    ]
    wrong = []
    for path, value in (pair for one in documents[heading] for pair in values(one)):
        kind, _, null = keys.get(path, "").partition(", or ")
        if kind:
            fits = type(value) in TYPES[kind] or (value is None and null == "null")
        else:
            fits = any(key.startswith((f"{path}.", f"{path}[]")) for key in keys) or any(
                path.startswith(f"{key}.") for key in closed
            )
        if not fits:
            wrong.append(f"{path} is {value!r}, documented as {keys.get(path)}")
    assert wrong == []


@pytest.mark.parametrize("heading", ["Status", "Overrides", "Explain"])
def test_each_documented_key_is_there(documents: Documents, heading: str) -> None:
    seen = {path for one in documents[heading] for path, _ in values(one)}
    assert [key for key in documented(heading) if key not in seen] == []


def test_the_paths_are_those_that_are_listed(documents: Documents) -> None:
    assert documents["Reload"][0]["ok"] is False
    listed = set(re.findall(r"`(?:GET|POST|PUT) (/[^`?]*)", PAGE))
    assert listed == {
        "/metrics", "/healthz", "/readyz", "/", "/api/v1/status", "/api/v1/explain",
        "/api/v1/reload", "/api/v1/nodes/NAME", "/api/v1/nodes/NAME/ROLE",
        "/api/v1/nodes/NAME[/ROLE]",
    }  # fmt: skip
