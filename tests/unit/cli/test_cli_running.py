"""status and reload: against a stub of the control socket, and against none."""

import json
import socket
from pathlib import Path

import pytest
from support.control_stub import ControlStub
from support.verbs import Rrdns

from rrdns.cli import client
from rrdns.errors import ControlError

STATUS = {
    "generation": 1,
    "ready": True,
    "config": {"sha256": "00", "loaded": 0.0, "last_error": None},
    "domains": 1,
    "nodes": [],
    "hosts": [],
}


@pytest.fixture
def stub(stub: ControlStub) -> ControlStub:
    """The control socket of a server that has nothing to tell yet."""
    stub.replies = {("GET", "/api/v1/status"): (200, STATUS)}
    return stub


def test_status_prints_tables_without_colours(rrdns: Rrdns, stub: ControlStub) -> None:
    result = rrdns("status")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("ready, generation 1, 1 domain,")
    assert "\x1b" not in result.stdout


def test_status_as_json_is_the_servers_document(rrdns: Rrdns, stub: ControlStub) -> None:
    assert json.loads(rrdns("status", "--json").stdout) == STATUS


def test_status_works_while_the_file_is_being_edited(
    rrdns: Rrdns, stub: ControlStub, config_path: Path
) -> None:
    config_path.write_text(config_path.read_text().replace("ttl: 5m", "tttl: 5m"))
    assert rrdns("status").exit_code == 0


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_watch_goes_on_until_the_server_ends(
    rrdns: Rrdns, stub: ControlStub, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    seconds: list[float] = []

    def sleep(duration: float) -> None:
        seconds.append(duration)
        if len(seconds) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("rrdns.cli.running.time.sleep", sleep)
    result = rrdns("status", "--watch", *form)
    assert (result.exit_code, result.stderr) == (130, "")
    assert result.stdout.count("generation") == 2


def test_reload_tells_that_it_was_done(rrdns: Rrdns, stub: ControlStub) -> None:
    changes = ["nodes: added server3", "domains: 1 added (new.test)"]
    stub.replies["POST", "/api/v1/reload"] = (200, {"ok": True, "changes": changes})
    result = rrdns("reload")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "reloaded: the new configuration is in force",
        *(f"  {line}" for line in changes),
    ]
    stub.replies["POST", "/api/v1/reload"] = (200, {"ok": True, "changes": []})
    assert rrdns("reload").stdout.splitlines()[1:] == ["  nothing is different"]


def test_reload_prints_the_errors_of_a_refusal(rrdns: Rrdns, stub: ControlStub) -> None:
    errors = ["rrdns.yaml:1:1: no", "rrdns.yaml:2:1: no"]
    stub.replies["POST", "/api/v1/reload"] = (422, {"ok": False, "errors": errors})
    result = rrdns("reload")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [*errors, "refused: the old configuration stays in force"]


@pytest.mark.parametrize("verb", ["status", "reload"])
def test_an_odd_answer_is_told(rrdns: Rrdns, stub: ControlStub, verb: str) -> None:
    stub.replies = {
        ("GET", "/api/v1/status"): (500, {"error": "no"}),
        ("POST", "/api/v1/reload"): (500, {"error": "no"}),
    }
    result = rrdns(verb)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "answered 500" in line


@pytest.mark.parametrize("verb", ["status", "reload"])
def test_no_server_is_told_in_one_line_with_how_to_start_it(
    rrdns: Rrdns, config_path: Path, verb: str
) -> None:
    result = rrdns(verb)
    assert (result.exit_code, result.stdout) == (1, "")
    socket_path = config_path.parent / "control.sock"
    assert result.stderr == (
        f"no server runs at {socket_path}; start it with: rrdns serve -c {config_path}\n"
    )


def test_a_socket_left_behind_is_no_server(rrdns: Rrdns, config_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(config_path.parent / "control.sock"))
    assert "no server runs" in rrdns("status").stderr


def test_a_server_that_says_nothing_is_given_up(
    config_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STATUS_TIMEOUT_SECONDS", 0.05)
    path = str(config_path.parent / "control.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        with pytest.raises(ControlError, match=r"no answer within 0\.05 s"):
            client.fetch_status(client.Server("rrdns.yaml", path, None))


@pytest.mark.parametrize("group", [None, "dns-admins"])
def test_a_missing_permission_names_the_group(
    monkeypatch: pytest.MonkeyPatch, group: str | None
) -> None:
    error = PermissionError(13, "Permission denied")
    server = client.Server("rrdns.yaml", "/nowhere/control.sock", group)
    line = client.why_unreachable(server, error)
    assert line.startswith("no permission to use /nowhere/control.sock: become a member of ")
    assert (group or "its group") in line
