"""The comparison of failovers: who is asked for what, what counts as seen, and the table."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from bench.failover import watching
from bench.failover.contestants import CONTESTANTS, Contestant
from bench.failover.events import Kind, addresses
from bench.failover.run import read, section, shown
from bench.failover.watching import Asker, Plan, Seen, watch


class Node:
    """A node that fails at once, and an asker whose server sees it or does not."""

    def __init__(self) -> None:
        self.up = True
        self.failures = 0

    def fail(self) -> None:
        self.up = False
        self.failures += 1

    def recover(self) -> None:
        self.up = True


class Witness(Asker):
    """Asks no server: `sees` tells of the node's failures, `forgives` of its returns."""

    def __init__(self, node: Node, *, sees: bool = True, forgives: bool = True) -> None:
        super().__init__(9, Kind.DEATH, "127.0.0.1")
        self._node, self._sees, self._forgives = node, sees, forgives

    async def answers(self) -> bool | None:
        if self._node.up:
            return self._forgives or not self._node.failures
        return not self._sees


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_APART_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.001)


def _watch(asker: Asker, node: Any, repeats: int = 3, seconds: float = 60.0) -> Seen:
    plan = Plan(0.05, repeats, 0.0, time.monotonic() + seconds)
    try:
        return asyncio.run(watch(asker, node, plan, seed=1))
    finally:
        asker.close()


def test_each_failure_and_each_return_is_timed() -> None:
    node = Node()
    seen = _watch(Witness(node), node)
    assert node.failures == 3
    assert len(seen.out) == len(seen.back) == 3
    assert all(one is not None and one < 0.05 for one in seen.out + seen.back)


def test_no_failure_begins_after_its_time_but_the_first() -> None:
    node = Node()
    assert len(_watch(Witness(node), node, seconds=-1.0).out) == 1


def test_a_failure_that_nobody_sees_is_not_repeated_and_has_no_return() -> None:
    node = Node()
    assert _watch(Witness(node, sees=False), node) == Seen([None], [])
    assert node.up


def test_a_node_that_does_not_come_back_is_given_up() -> None:
    node = Node()
    seen = _watch(Witness(node, forgives=False), node)
    assert len(seen.out) == 1
    assert seen.back == [None]


def test_every_server_has_nodes_of_its_own() -> None:
    found = [one for number in range(5) for own in addresses(number).values() for one in set(own)]
    fails = [own[0] for number in range(5) for own in addresses(number).values()]
    assert len(set(fails)) == 20
    assert len(set(found)) == 20 + 5 * 2


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda one: str(one.name))
def test_every_server_is_told_of_all_nodes(tmp_path: Path, contestant: Contestant) -> None:
    hosts = addresses(1)
    assert contestant.write("program", tmp_path, 5399, hosts)[0] == "program"
    text = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "5399" in text
    assert all(address in text for own in hosts.values() for address in own)
    assert all(kind.value in text for kind in Kind)


def test_cells_tell_median_longest_and_number() -> None:
    assert shown([1.0, 3.0, 2.0], 40.0) == "2.0 (3.0; 3)"
    assert shown([1.0, None], 40.0) == "1.0 (1.0; 1), not within 40 s"
    assert shown([None], 40.0) == "not within 40 s"
    assert shown([], 40.0) == "-"


def test_the_table_has_two_lines_a_failure_and_a_column_a_server() -> None:
    told = {
        "rrdns": {"death": {"out": [1.0], "back": [3.0]}, "stop": {"out": [20.0], "back": [1.0]}},
        "gdnsd": {"death": {"out": [None], "back": []}, "stop": {"out": [None], "back": []}},
    }
    made = section(read(json.dumps(told)), 40.0)
    table = [line for line in made.lines if line.startswith("| ")]
    assert table == [
        "| event | rrdns | gdnsd |",
        "| process dies (connections are refused): out | 1.0 (1.0; 1) | not within 40 s |",
        "| its return: back | 3.0 (3.0; 1) | - |",
        "| process is stopped (connects, then silence): out | 20.0 (20.0; 1) | not within 40 s |",
        "| its return: back | 1.0 (1.0; 1) | - |",
    ]
    assert made.figures == {
        "out/death/rrdns": 1.0,
        "back/death/rrdns": 3.0,
        "out/stop/rrdns": 20.0,
        "back/stop/rrdns": 1.0,
    }
