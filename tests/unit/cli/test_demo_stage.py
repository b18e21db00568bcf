"""The demo as the program that it is: what it prints works, and nothing of it stays."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.waiting import wait_until

RRDNS = [sys.executable, "-m", "rrdns"]


class Demo(NamedTuple):
    """A running demo: its process, the directory that it may use, and what it printed."""

    process: subprocess.Popen[str]
    directory: Path
    advice: str

    @property
    def configuration(self) -> str:
        found = re.search(r"status -c (\S+)", self.advice)
        assert found is not None
        return found[1]

    @property
    def node_pids(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"kill -USR1 (\d+)", self.advice)]

    def states(self) -> dict[str, str]:
        """Return the state of each address, as `rrdns status --json` has it."""
        command = [*RRDNS, "status", "--json", "-c", self.configuration]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return {node["address"]: node["state"] for node in json.loads(done.stdout)["nodes"]}


def _start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    with (directory / "log").open("w") as log:
        return subprocess.Popen(
            [*RRDNS, "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={"TMPDIR": str(directory), "PATH": "/usr/bin:/bin"},
        )


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with _start(tmp_path, "--port", "0", "--http-port", "0", "--smtp-port", "0") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        advice = ""
        while "Ctrl-C" not in advice:
            line = next(lines, None)
            assert line is not None, (tmp_path / "log").read_text()
            advice += line
        yield Demo(process, tmp_path, advice)
        process.kill()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    # A process that ends between the opening and the reading gives the second.
    except (FileNotFoundError, ProcessLookupError):
        return False


def _run_printed(demo: Demo, node: str, order: str) -> None:
    """Run the command that the demo printed to stop or start a node."""
    (line,) = [line for line in demo.advice.splitlines() if line.strip().startswith(node)]
    found = re.search(rf"{order}: (kill -\S+ \d+)", line)
    assert found is not None
    subprocess.run(found[1].split(), check=True, timeout=10)


def test_the_printed_commands_stop_a_node_and_start_it(demo: Demo) -> None:
    assert set(demo.states().values()) == {"up"}
    _run_printed(demo, "server2", "stop")
    down = wait_until(
        lambda: (states := demo.states())["127.0.1.2"] == states["127.0.2.2"] == "down",
        10,
        "server2 is down",
    )
    assert down
    assert demo.states()["127.0.1.1"] == "up"
    _run_printed(demo, "server2", "start")
    wait_until(lambda: set(demo.states().values()) == {"up"}, 15, "server2 is back")


def test_its_configuration_is_valid_without_warnings(demo: Demo) -> None:
    command = [*RRDNS, "check-config", "--strict", "-c", demo.configuration]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_of_it_stays(demo: Demo, number: signal.Signals) -> None:
    assert all(_runs(pid) for pid in demo.node_pids)
    demo.process.send_signal(number)
    assert demo.process.wait(20) == 0
    assert not any(_runs(pid) for pid in demo.node_pids)
    assert [path.name for path in demo.directory.iterdir()] == ["log"]
    assert "Traceback" not in (demo.directory / "log").read_text()


def test_a_second_signal_does_not_cut_the_end_short(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not _runs(demo.node_pids[-1]), 10, "the end has begun", pause_seconds=0.001)
    demo.process.send_signal(signal.SIGTERM)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(20) == 0
    assert [path.name for path in demo.directory.iterdir()] == ["log"]


def test_its_nodes_do_not_outlive_it(demo: Demo) -> None:
    demo.process.kill()
    wait_until(lambda: not any(_runs(pid) for pid in demo.node_pids), 10, "the nodes ended")


@pytest.mark.parametrize("option", ["--port", "--http-port", "--smtp-port"])
def test_a_busy_port_is_one_line(tmp_path: Path, option: str) -> None:
    options = {"--port": "0", "--http-port": "0", "--smtp-port": "0"}
    address = "127.0.1.1" if option == "--smtp-port" else "127.0.0.1"
    with socket.create_server((address, 0)) as owner:
        port = str(owner.getsockname()[1])
        arguments = [word for pair in (options | {option: port}).items() for word in pair]
        with _start(tmp_path, *arguments) as process:
            output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    lines = (tmp_path / "log").read_text().splitlines()
    (line,) = [line for line in lines if not line.startswith("time=")]
    assert port in line
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
