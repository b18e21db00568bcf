"""The commands of docs/ run as they stand, and print what is shown."""

import os
import re
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.fences import PAGES, ROOT, Fence, commands, console, fences, of
from support.machine import Machine, machine

QUICK_START = ROOT / "docs" / "quick-start.md"
DEADLINE_SECONDS = 10.0
# What differs from run to run, and what it is called instead.
VOLATILE = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: [A-Z]+)?": "TIME",
    r"\b\d+(?:\.\d+)? ms\b": "MILLISECONDS",
    r"(?<![\w.])(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+(?!\w)": "DURATION",
    r"\b\d+ %": "PERCENT",
    r"(?<=> EHLO )\S+": "NAME",
    r"\bgeneration \d+": "GENERATION",
}
# They only look: asked again, they may see what was still under way.
LOOKING = re.compile(r"(?:dig|rrdns (?:status|explain|probe)) ")


def _blocks(page: Path) -> list[Fence]:
    return [
        fence for fence in fences(page) if fence.language in ("sh", "console") and not fence.word
    ]


RUN = [page for page in PAGES if page.parent.name == "docs" and _blocks(page)]
SERVED = re.compile(r"rrdns (?:node|status|reload|explain (?!--offline))|curl|dig")


@pytest.fixture(scope="module")
def operators_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine")) as made:
        yield made


def stable(lines: list[str]) -> list[str]:
    """Return lines without what changes; rotation makes their order one of that."""
    found = []
    for line in lines:
        for pattern, word in VOLATILE.items():
            line = re.sub(pattern, word, line)
        found.append(" ".join(line.split()))
    return sorted(filter(None, found))


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_the_commands_of_a_page(page: Path, operators_machine: Machine) -> None:
    blocks = _blocks(page)
    asks = any(SERVED.search(command) for block in blocks for command in commands(block))
    operators_machine.refresh()
    with operators_machine.serving() if asks else nullcontext():
        for block in blocks:
            if block.language == "sh":
                done = operators_machine.run(block.text)
                assert done.returncode == 0, f"{block}: {done.stdout}"
            for command, shown in console(block.text):
                _show(operators_machine, block, command, shown)


def test_the_steps_of_an_installation(operators_machine: Machine) -> None:
    operators_machine.refresh()
    # No network: what rrdns needs, and what builds it, is lent by this very environment.
    lent = {
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "RRDNS_NATIVE": "skip",
        "PATH": f"{Path(sys.executable).resolve().parent}:{os.environ['PATH']}:/usr/sbin:/sbin",
    }
    steps = "".join(fence.text for fence in of("sh", "install"))
    done = operators_machine.run(steps, **lent)
    assert done.returncode == 0, done.stdout
    assert "rrdns.yaml: valid: 4 zones, 4 hosts, 3 nodes, 0 domains" in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "/opt/rrdns/.venv/share/man/man1/rrdns.1",
        "/opt/rrdns/.venv/share/man/man5/rrdns.yaml.5",
    ]


def test_your_own_nodes_after_the_demo(operators_machine: Machine) -> None:
    operators_machine.refresh()
    (example,) = [fence for fence in fences(QUICK_START) if fence.language == "yaml"]
    (operators_machine.source / "my.yaml").write_text(example.text)
    look, ask = [fence for fence in fences(QUICK_START) if fence.word == "own"]
    done = operators_machine.run(look.text)
    assert done.returncode == 0, done.stdout
    assert "192.0.2.11 port 25 (ehlo): ok" in done.stdout
    with operators_machine.serving(f"{operators_machine.source}/my.yaml"):
        done = operators_machine.run(ask.text)
    assert done.returncode == 0, done.stdout
    assert {"192.0.2.11", "192.0.2.21"} <= set(done.stdout.splitlines())


def _show(there: Machine, block: Fence, command: str, shown: list[str]) -> None:
    end = time.monotonic() + (DEADLINE_SECONDS if LOOKING.match(command) else 0)
    while True:
        found = stable(there.run(command).stdout.splitlines())
        if found == stable(shown) or time.monotonic() > end:
            break
    assert found == stable(shown), f"{block}: {command}"
