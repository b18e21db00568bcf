"""Overrides and the disk: kills in the middle of a write, full and read-only disks, torn files."""

import json
import random
import threading
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

import pytest
from support.asking import Dig
from support.control import Control
from support.disks import disk
from support.processes import background
from support.serving import RRDNS, configuration, rrdns, serving
from support.waiting import wait_until

ADDRESSES = {f"node{number}": f"192.0.2.{number}" for number in range(1, 6)}
ALL = set(ADDRESSES.values())
MX1 = "mx1.example.com"
# So many that a write of their overrides takes its time.
MANY = {f"node{number}": f"192.0.2.{number}" for number in range(1, 201)}
KILLS = 6


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def write_configuration(path: Path, port: int, nodes: Mapping[str, str]) -> None:
    directory = path.parent
    text = configuration(listen=[f"127.0.0.1:{port}"], nodes=nodes, directory=directory)
    path.write_text(text.replace("state_directory: null", f"state_directory: {directory}/state"))


@pytest.fixture
def path(tmp_path: Path, port: int) -> Path:
    """A configuration that keeps its state in `state`, which a test has to make."""
    made = tmp_path / "rrdns.yaml"
    write_configuration(made, port, ADDRESSES)
    return made


def test_a_kill_in_the_middle_of_a_write_loses_nothing_that_was_acknowledged(
    path: Path, state: Path, port: int
) -> None:
    state.mkdir()
    write_configuration(path, port, MANY)
    control = Control(path.parent / "control.sock")
    acknowledged = 0
    killed = threading.Event()

    def write_on() -> None:
        nonlocal acknowledged
        while not killed.is_set():
            try:
                control.put("node*", "down", reason=f"{acknowledged + 1}")
            except (OSError, HTTPException, ValueError):
                break
            acknowledged += 1

    for _ in range(KILLS):
        with serving(path) as server:
            assert "event=overrides_unreadable" not in server.output
            found = control.overrides()
            reasons = {int(entry["reason"]) for entry in found.values()}
            # All of one order, and none from before the last one that was acknowledged. The one
            # that was under way may be there or not.
            assert len(reasons) <= 1
            assert set(found) == (set(MANY) if reasons else set())
            assert reasons <= {acknowledged, acknowledged + 1}
            assert reasons or not acknowledged
            acknowledged = max({acknowledged} | reasons)
            before = acknowledged
            killed.clear()
            writer = threading.Thread(target=write_on)
            writer.start()
            wait_until(lambda: acknowledged > before, 20, "an order", pause_seconds=0.001)  # noqa: B023
            killed.wait(random.uniform(0, 0.05))
            server.kill()
            killed.set()
            writer.join()
    assert acknowledged >= KILLS
    assert {file.name for file in state.iterdir()} <= {
        "health.json", "health.tmp", "overrides.json", "overrides.tmp",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [b"", b'{"format": 1, "overrides": [{"node": "no', b"\0" * 64],
    ids=["empty", "torn", "zeros"],
)
def test_a_torn_or_foreign_file_is_set_aside(
    path: Path, state: Path, port: int, content: bytes
) -> None:
    state.mkdir()
    (state / "overrides.json").write_bytes(content)
    with serving(path) as server:
        assert "event=overrides_unreadable" in server.output
        (aside,) = state.glob("overrides.json.bad-*")
        assert str(aside) in server.output
        assert aside.read_bytes() == content
        control = Control(path.parent / "control.sock")
        assert control.put("node1", "down")["kept"] is True
        assert Dig("127.0.0.1", port).addresses(MX1) == ALL - {"192.0.2.1"}
    assert json.loads((state / "overrides.json").read_text())["overrides"][0]["node"] == "node1"


def test_a_full_disk_stops_nothing_and_is_told(path: Path, state: Path, port: int) -> None:
    dig, control = Dig("127.0.0.1", port), Control(path.parent / "control.sock")
    with disk(state) as small:
        with serving(path) as server:
            assert control.put("node1", "down")["kept"] is True
            small.fill()
            done = rrdns("-c", str(path), "node", "down", "node2")
            assert (done.returncode, done.stdout) == (0, "node2: down until it is lifted\n")
            assert "warning: this will not survive a restart: " in done.stderr
            assert "No space left on device" in done.stderr
            assert dig.addresses(MX1) == ALL - {"192.0.2.1", "192.0.2.2"}
            assert "event=overrides_not_saved" in server.output
            found = control.overrides()
            assert (found["node1"]["kept"], found["node2"]["kept"]) == (True, False)
            small.free()
            # Nobody has to repeat the order.
            server.wait_for_output("event=overrides_saved_again")
            assert control.overrides()["node2"]["kept"] is True
            small.fill()
        # It starts on a full disk, too, and what could be written is there.
        with serving(path) as server:
            assert "event=state_directory_trouble" in server.output
            assert "No space left on device" in server.output
            assert dig.addresses(MX1) == ALL - {"192.0.2.1", "192.0.2.2"}


def test_a_read_only_disk_stops_nothing_and_is_told(path: Path, state: Path, port: int) -> None:
    dig, control = Dig("127.0.0.1", port), Control(path.parent / "control.sock")
    with disk(state) as small:
        with serving(path) as server:
            assert control.put("node1", "down")["kept"] is True
            small.set_writable(False)
            done = control.put("node2", "down")
            assert done["kept"] is False
            assert done["warnings"][0].endswith("overrides.json: Read-only file system")
            assert "event=overrides_not_saved" in server.output
            assert dig.addresses(MX1) == ALL - {"192.0.2.1", "192.0.2.2"}
        assert server.wait() == 0
        with serving(path) as server:
            assert "event=state_directory_trouble" in server.output
            assert "Read-only file system" in server.output
            # What could be read counts; what was not kept is gone, as was said.
            assert dig.addresses(MX1) == ALL - {"192.0.2.1"}
            assert control.put("node3", "down")["kept"] is False
            small.set_writable(True)
            server.wait_for_output("event=overrides_saved_again")
        with background([*RRDNS, "-c", str(path), "serve"], path.with_suffix(".log")) as again:
            again.wait_for_output("ready listen=")
            assert dig.addresses(MX1) == ALL - {"192.0.2.1", "192.0.2.3"}


def test_without_a_state_directory_the_verb_says_so(path: Path, state: Path) -> None:
    path.write_text(path.read_text().replace(f"state_directory: {state}", "state_directory: null"))
    with serving(path) as server:
        done = rrdns("-c", str(path), "node", "down", "node1")
        assert done.returncode == 0
        assert done.stderr == (
            "warning: this will not survive a restart: server.state_directory is not in use\n"
        )
        assert "event=override_not_kept" in server.output
