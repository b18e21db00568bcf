"""`make run` starts the demo, and the README tells the truth about it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.asking import Dig
from support.netns import Namespace, namespace
from support.processes import Background
from support.programs import missing, require_program
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
PRIMARIES = {"127.0.1.1", "127.0.1.2", "127.0.1.3"}
SECONDARIES = {"127.0.2.1", "127.0.2.2", "127.0.2.3"}
VOLATILE = re.compile(r"^;; (?:Query time|WHEN|SERVER|MSG SIZE|Got answer)|^;.*\bid: \d+|^; <<>> ")


class Demo(NamedTuple):
    """A running demo: where, its output, and its nodes' processes by name."""

    inside: Namespace
    program: Background
    nodes: dict[str, int]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """`make run` in a namespace, where its fixed ports are surely free."""
    make = require_program("make")
    if not (ROOT / ".venv/bin/rrdns").exists():
        missing("`make run` is not set up: run `make setup`")
    # The namespace has no way to the package index: what is installed counts as up to date.
    command = [make, "--directory", str(ROOT), "--old-file=.venv/.installed", "run"]
    with namespace() as inside:
        program = Background(inside.command(*command), tmp_path / "demo.log")
        try:
            text = program.wait_for_output("Ctrl-C")
            nodes = {
                name: int(pid)
                for name, pid in re.findall(r"^ +(\w+) .*kill -USR1 (\d+)", text, re.MULTILINE)
            }
            yield Demo(inside, program, nodes)
        finally:
            program.kill()


def test_stopping_a_demo_node_changes_the_answers(demo: Demo) -> None:
    dig = Dig("127.0.0.1", 5300, demo.inside.command())
    assert dig.addresses("mx1.example.com") == PRIMARIES
    for host in ("mx2", "mx3", "mx4"):
        assert dig.addresses(f"{host}.example.com") == SECONDARIES
    assert len(dig("customer.test", "MX").values) == 4

    node = str(demo.nodes["server1"])
    demo.inside.run("kill", "-USR1", node)
    wait_until(
        lambda: (
            dig.addresses("mx1.example.com") == PRIMARIES - {"127.0.1.1"}
            and dig.addresses("mx2.example.com") == SECONDARIES - {"127.0.2.1"}
        ),
        4,
        "a stopped node leaves the answers",
    )
    demo.inside.run("kill", "-USR2", node)
    wait_until(lambda: dig.addresses("mx1.example.com") == PRIMARIES, 6, "the node comes back")


def test_the_demos_configuration_serves_the_other_verbs(demo: Demo) -> None:
    found = re.search(r"-c (\S+)", demo.program.output)
    assert found is not None
    rrdns = str(ROOT / ".venv/bin/rrdns")
    status = json.loads(demo.inside.run(rrdns, "status", "--json", "-c", found[1]))
    assert status["ready"]
    assert {node["state"] for node in status["nodes"]} == {"up"}
    assert "server1" in demo.inside.run(rrdns, "probe", "server1", "-c", found[1])
    assert "customer.test" in demo.inside.run(rrdns, "records", "customer.test", "-c", found[1])
    assert "127.0.1.1" in demo.inside.run(
        rrdns, "explain", "--offline", "mx1.example.com", "A", "-c", found[1]
    )
    assert demo.inside.run(rrdns, "reload", "-c", found[1])


def test_ctrl_c_ends_the_demo_and_all_of_it(demo: Demo) -> None:
    demo.inside.run("kill", "-INT", "--", f"-{demo.program.pid}")
    demo.program.wait()
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in demo.nodes.values()),
        5,
        "the nodes end with the demo",
    )
    assert "Traceback" not in demo.program.output


def _console(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of console blocks, each with the lines that it prints."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *printed = part.splitlines()
            yield command, printed


def _stable(lines: list[str]) -> list[str]:
    """Return lines without what changes from run to run; rotation makes their order one of it."""
    return sorted(" ".join(line.split()) for line in lines if line and not VOLATILE.match(line))


def test_the_quick_starts_commands_print_what_it_shows(demo: Demo) -> None:
    page = (ROOT / "docs/quick-start.md").read_text()
    (block,) = re.findall(r"^```console demo\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for command, shown in _console(f"```console\n{block}```"):
        assert _stable(demo.inside.run("sh", "-c", command).splitlines()) == _stable(shown), command


def test_the_readmes_commands_print_what_it_shows(demo: Demo) -> None:
    readme = (ROOT / "README.md").read_text()
    # The README's process numbers are those of its own run: each stands for a node.
    shown_nodes = {
        pid: name for name, pid in re.findall(r"^ +(\w+) .*kill -USR1 (\d+)", readme, re.MULTILINE)
    }
    asked = stopped = 0
    deadline_seconds = 0.0
    for command, shown in _console(readme):
        kill = re.fullmatch(r"kill -(USR[12]) (\d+)", command)
        if kill is not None:
            demo.inside.run("kill", f"-{kill[1]}", str(demo.nodes[shown_nodes[kill[2]]]))
            deadline_seconds = 4.0 if kill[1] == "USR1" else 6.0
            stopped += 1
        elif command.startswith("dig "):
            wait_until(
                lambda: (
                    _stable(demo.inside.run("sh", "-c", command).splitlines()) == _stable(shown)  # noqa: B023
                ),
                deadline_seconds,
                f"what the README shows for {command!r}: {shown}",
            )
            asked += 1
    assert asked >= 3
    assert stopped >= 1
