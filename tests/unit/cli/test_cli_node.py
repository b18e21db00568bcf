"""node and explain: what they ask the running server, and how they tell its answer."""

from pathlib import Path
from typing import Any

import pytest
from support.control_stub import ControlStub
from support.verbs import Rrdns

DOWN = {
    "role": None,
    "state": "down",
    "since": 1_764_000_000.0,
    "until": 1_764_005_400.0,
    "reason": "new disks",
}
EXPLAIN = "/api/v1/explain?name=mx1.example.com.&type=A"


def _done(*changes: dict[str, Any], warnings: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
    return 200, {"ok": True, "changed": list(changes), "kept": True, "warnings": list(warnings)}


def test_down_for_a_time_with_a_reason(rrdns: Rrdns, stub: ControlStub) -> None:
    change = {"node": "server1", "role": None, "was": None, "override": DOWN}
    stub.replies["PUT", "/api/v1/nodes/server1"] = _done(change)
    env = {"TZ": "UTC"}
    result = rrdns("node", "down", "server1", "--for", "90m", "--reason", "new disks", env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("server1: down for 90m, until 2025-11-24 ")
    assert result.stdout.endswith(": new disks\n")
    assert stub.bodies == [{"state": "down", "for": "90m", "reason": "new disks"}]


def test_up_until_it_is_lifted_replaces_what_a_role_had(rrdns: Rrdns, stub: ControlStub) -> None:
    up = {**DOWN, "state": "up", "until": None, "reason": ""}
    stub.replies["PUT", "/api/v1/nodes/server1"] = _done(
        {"node": "server1", "role": None, "was": None, "override": up},
        {
            "node": "server1",
            "role": "primary",
            "was": {**DOWN, "role": "primary"},
            "override": None,
        },
    )
    first, second = rrdns("node", "up", "server1").stdout.splitlines()
    assert first == "server1: up until it is lifted"
    assert second.startswith("server1/primary: auto (was down for ")
    assert second.endswith(": new disks)")
    assert stub.bodies == [{"state": "up"}]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("server1/primary", "server1/primary"),
        ("server*/p?[a-z]*", "server*/p%3F%5Ba-z%5D*"),
        ("mx4.example.com.", "mx4.example.com."),
        ("a b#c%d", "a%20b%23c%25d"),
        ("bücher", "b%C3%BCcher"),
    ],
)
def test_patterns_arrive_as_they_were_typed(
    rrdns: Rrdns, stub: ControlStub, name: str, path: str
) -> None:
    stub.replies["PUT", f"/api/v1/nodes/{path}"] = _done()
    result = rrdns("node", "auto", name)
    assert result.stdout == f"nothing to lift: there is no override on {name}\n"
    assert stub.bodies == [{"state": "auto"}]


def test_warnings_go_to_stderr_and_the_exit_is_0(rrdns: Rrdns, stub: ControlStub) -> None:
    change = {"node": "server1", "role": None, "was": None, "override": DOWN}
    warnings = ("this will not survive a restart: the disk is full", "mx1.example.com. ipv4: no")
    stub.replies["PUT", "/api/v1/nodes/server1"] = _done(change, warnings=warnings)
    result = rrdns("node", "down", "server1")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [f"warning: {line}" for line in warnings]


def test_a_refusal_is_the_servers_words(rrdns: Rrdns, stub: ControlStub) -> None:
    error = "no node matches 'servr1': did you mean server1?"
    stub.replies["PUT", "/api/v1/nodes/servr1"] = (404, {"error": error})
    result = rrdns("node", "down", "servr1")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{error}\n")


@pytest.mark.parametrize(("status", "body"), [(500, {"error": "no"}), (200, []), (404, "no")])
def test_an_odd_answer_is_told(rrdns: Rrdns, stub: ControlStub, status: int, body: object) -> None:
    stub.replies["PUT", "/api/v1/nodes/server1"] = (status, body)
    result = rrdns("node", "down", "server1")
    assert result.exit_code == 1
    assert f"answered {status}" in result.stderr


def test_a_state_that_is_none_is_a_usage_error(rrdns: Rrdns) -> None:
    assert rrdns("node", "drain", "server1").exit_code == 2
    assert rrdns("node", "down").exit_code == 2


def test_explain_asks_the_running_server(rrdns: Rrdns, stub: ControlStub) -> None:
    stub.replies["GET", EXPLAIN] = (200, {"text": ["mx1.example.com. A: NOERROR", "host: ..."]})
    result = rrdns("explain", "MX1.example.com", "a")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "mx1.example.com. A: NOERROR\nhost: ...\n"


def test_without_a_server_explain_tells_of_the_other_way(rrdns: Rrdns, config_path: Path) -> None:
    result = rrdns("explain", "mx1.example.com", "A")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert "no server runs at" in line
    assert line.endswith("; --offline asks the configuration instead")
