"""The miss flood: what is left of the good answers while queries come that no table answers."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.control import ask
from bench.flood import Flood, Flooding
from bench.load import Answered
from bench.running import Round, Running

_START_SECONDS = 0.5  # a Python takes a moment to start
_OVERLAP_SECONDS = 1.0  # the flood begins before the good queries and ends after them


@dataclass(frozen=True, slots=True)
class Flooded:
    """One round: the good queries, and the flood beside them (None: none).

    `dropped` is what rrdns's own metrics say of the flood; None for other servers.
    """

    good: Round
    flood: Flood | None
    dropped: int | None


def measure(server: Running, good: Callable[[int], Answered], seconds: float, rate: int) -> Flooded:
    """Ask the good queries once, for `seconds`, with a flood beside them or without (rate 0)."""
    before = _dropped(server.directory / "rrdns.sock")
    seen: list[Flood] = []

    def drive(port: int) -> Answered:
        if not rate:
            return good(port)
        flooding = Flooding(port, rate, seconds + _OVERLAP_SECONDS)
        time.sleep(_START_SECONDS)
        answered = good(port)
        seen.append(flooding.result())
        return answered

    measured = server.observe(drive)
    after = _dropped(server.directory / "rrdns.sock")
    dropped = None if before is None or after is None else after - before
    return Flooded(measured, seen[0] if seen else None, dropped)


def _dropped(control: Path) -> int | None:
    """Return how many misses rrdns dropped since its start, from the metrics on a socket."""
    if not control.exists():
        return None
    return dropped_in(ask(control, "GET", "/metrics"))


def dropped_in(metrics: str) -> int:
    """Return the misses that found the queue full, from the text of rrdns's metrics."""
    line = r'^rrdns_dns_dropped_total\{reason="miss_queue"\} (\S+)'
    found = re.search(line, metrics, re.MULTILINE)
    return int(float(found[1])) if found else 0


def flood_table(rounds: Mapping[str, Mapping[str, Sequence[Flooded]]]) -> list[str]:
    """Return the lines of a Markdown table: for each server one for each kind of round.

    The flood's figures are per second. What was neither answered nor, by rrdns's metrics, dropped
    got no answer by intent, or was lost in a socket's buffer.
    """
    lines = [
        "| server | flood | good answers/s | good lost | latency ms | cores used"
        " | flood sent/s | answered/s | dropped/s |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, by_kind in rounds.items():
        for kind, own in by_kind.items():
            good = [one.good.answered for one in own]
            cells = [
                *(name, kind, f"{median(one.rate for one in good):,.0f}"),
                f"{median(one.lost / one.sent for one in good):.2%}",
                f"{median(one.latency_seconds for one in good) * 1000:.2f}",
                f"{median(map(_cores, own)):.2f}",
                _median_rate([(one.flood, one.flood.sent) for one in own if one.flood]),
                _median_rate([(one.flood, one.flood.answered) for one in own if one.flood]),
                _median_rate(
                    [
                        (one.flood, one.dropped)
                        for one in own
                        if one.flood and one.dropped is not None
                    ]
                ),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def kept(by_kind: Mapping[str, Sequence[Flooded]]) -> float:
    """Return the median, over rounds in pairs, of good answers beside a flood by those without."""
    return median(
        flooded.good.answered.completed / quiet.good.answered.completed
        for flooded, quiet in zip(by_kind["yes"], by_kind["no"], strict=True)
    )


def _median_rate(counts: Sequence[tuple[Flood, int]]) -> str:
    if not counts:
        return "-"
    return f"{median(count / flood.seconds for flood, count in counts):,.0f}"


def _cores(one: Flooded) -> float:
    seconds = one.good.answered.seconds if one.flood is None else one.flood.seconds
    return one.good.cpu_seconds / seconds
