"""Nodes that die, turn mail away, fall silent or stop, under default settings: forty at once.

A real server and real SMTP servers in a network namespace; every address fails and comes back at a
random phase of its probes, and what counts is what a resolver sees that asks all the time.
"""

import json
import random
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.answers_seen import AnswersSeen, watching
from support.farm import Farm, farm
from support.netns import Namespace, namespace
from support.serving import configuration, serving
from support.waiting import wait_until

REPEATS = 10
# kind -> the seconds within which such an address must be out of the answers
OUT_SECONDS = {"killed": 4.0, "busy": 4.0, "silent": 8.0, "stopped": 25.0}
BACK_SECONDS = 6.0
PHASE_SECONDS = 3.0


@dataclass(frozen=True)
class Node:
    """One node, with an address in each family; `own` is the one that fails."""

    name: str
    kind: str
    ipv4: str
    ipv6: str
    fails: str

    @property
    def other(self) -> str:
        return self.ipv6 if self.fails == self.ipv4 else self.ipv4


def nodes() -> Iterator[Node]:
    for block, kind in enumerate([*OUT_SECONDS, "steady"]):
        for number in range(1, REPEATS + 1):
            ipv4, ipv6 = f"10.25.{block}.{number}", f"fd25:{block + 1}::{number:x}"
            fails = ipv4 if number % 2 else ipv6
            yield Node(f"{kind}{number}", kind, ipv4, ipv6, fails)


NODES = [node for node in nodes() if node.kind != "steady"]
STEADY = [node for node in nodes() if node.kind == "steady"][:2]
ALWAYS = {address for node in STEADY for address in (node.ipv4, node.ipv6)}


def place(address: str) -> str:
    return f"{address}:25"


def fail(node: Node, inside: Namespace, smtp: Farm) -> None:
    match node.kind:
        case "killed":
            smtp.send(place(node.fails), signal.SIGKILL)
        case "busy":
            smtp.send(place(node.fails), signal.SIGUSR1)
        case "silent":
            inside.drop(node.fails)
        case _:
            smtp.send(place(node.fails), signal.SIGSTOP)


def mend(node: Node, inside: Namespace, smtp: Farm) -> None:
    match node.kind:
        case "killed":
            smtp.start_again(place(node.fails))
        case "busy":
            smtp.send(place(node.fails), signal.SIGUSR2)
        case "silent":
            inside.undrop(node.fails)
        case _:
            smtp.send(place(node.fails), signal.SIGCONT)


def each_at_its_phase(act: Callable[[Node], None], chance: random.Random) -> dict[str, float]:
    """Act on every node at a random time within an interval; return the times before the acts."""
    begun = time.monotonic()
    phases = sorted((chance.uniform(0, PHASE_SECONDS), node.name, node) for node in NODES)
    times = {}
    for phase, name, node in phases:
        time.sleep(max(0.0, begun + phase - time.monotonic()))
        times[name] = time.monotonic()
        act(node)
    return times


def seconds(
    seen: AnswersSeen, times: dict[str, float], present: bool, limit: float
) -> dict[str, list[float]]:
    """Return, for each kind, after how many seconds its addresses changed; wait for all."""
    after = seen.back_after if present else seen.gone_after

    def found() -> dict[str, float | None]:
        return {node.name: after(node.fails, times[node.name]) for node in NODES}

    wait_until(lambda: None not in found().values(), limit, f"{'back' if present else 'out'}")
    taken = found()
    by_kind: dict[str, list[float]] = {}
    for node in NODES:
        by_kind.setdefault(node.kind, []).append(taken[node.name] or 0.0)
    return by_kind


def show(what: str, taken: dict[str, list[float]]) -> None:
    for kind, found in taken.items():
        print(  # noqa: T201
            f"{what} {kind}: n={len(found)} min={min(found):.2f}"
            f" median={statistics.median(found):.2f} max={max(found):.2f} s"
        )


@pytest.mark.timeout(180)
def test_failing_addresses_leave_the_answers_in_time_and_come_back(tmp_path: Path) -> None:
    every = [address for node in [*NODES, *STEADY] for address in (node.ipv4, node.ipv6)]
    failing = {node.fails for node in NODES}
    the_others = ",".join(place(address) for address in every if address not in failing)
    path = tmp_path / "rrdns.yaml"
    path.write_text(
        configuration(
            listen=["127.0.0.1:53"],
            nodes={node.name: json.dumps([node.ipv4, node.ipv6]) for node in [*NODES, *STEADY]},
            directory=tmp_path,
            health="",
        ).replace("mx1: {role: primary}", "mx1: {role: primary, max_answers: 255}")
    )
    chance = random.Random()
    with (
        namespace(*every) as inside,
        farm([*(place(node.fails) for node in NODES), the_others], inside.command()) as smtp,
        serving(path, prefix=inside.command()) as server,
        watching(inside, "127.0.0.1", "mx1.example.com") as seen,
    ):
        # The first round comes before the first answer: nothing to wait for but answers.
        wait_until(lambda: seen.now() == set(every), 5, "answers")
        failed = each_at_its_phase(lambda node: fail(node, inside, smtp), chance)
        out = seconds(seen, failed, False, 60)
        show("out", out)
        # Only the address that fails: each is a target of its own, whatever the node.
        assert seen.now() == ALWAYS | {node.other for node in NODES}
        mended = each_at_its_phase(lambda node: mend(node, inside, smtp), chance)
        back = seconds(seen, mended, True, 60)
        show("back", back)
        assert seen.now() == set(every)
        assert seen.unanswered == 0
    for kind, limit in OUT_SECONDS.items():
        assert max(out[kind]) <= limit, f"{kind}: {sorted(out[kind])}\n{server.output}"
        assert max(back[kind]) <= BACK_SECONDS, f"{kind}: {sorted(back[kind])}\n{server.output}"
    # Nobody was in and out more than once, and those without trouble never were.
    assert {address for address in every if len(seen.changes[address]) != 1} == failing
    assert all(len(seen.changes[address]) == 3 for address in failing)
