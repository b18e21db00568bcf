"""How long answers take at half of the rate that a server can answer at most."""

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

from bench import client
from bench.client import Stream, write_messages
from bench.load import QUERIES, Answered
from bench.options import Options
from bench.report import Section
from bench.rounds import in_turn
from bench.running import started, workplace
from bench.servers.gdnsd import GDNSD
from bench.servers.knot import KNOT
from bench.servers.nsd import NSD
from bench.servers.rrdns import variant

_HIGHEST_ROUNDS = 3
_ROUNDS = 5  # at most: each has two loads
_SUBJECT = "rrdns"


def at_half_of_the_maximum(options: Options) -> list[Section]:
    """Find each server's highest rate, then ask at half of its own and at half of the lowest."""
    servers = [variant(_SUBJECT, options.executor), *options.chosen([NSD, KNOT, GDNSD])]
    with workplace() as directory, started(servers) as up:
        messages = write_messages(directory, QUERIES)
        full = Stream(options.seconds / 2, options.clients)
        seen: dict[str, list[float]] = {one.name: [] for one in up}
        for one in in_turn(up, _HIGHEST_ROUNDS):
            seen[one.name].append(client.drive(full, options.client, messages, one.port).rate)
        highest = {name: median(rates) for name, rates in seen.items()}
        kinds = {
            "own": {name: rate / 2 for name, rate in highest.items()},
            "equal": dict.fromkeys(highest, _common(highest) / 2),
        }
        rounds: dict[str, dict[str, list[Answered]]] = {
            kind: {one.name: [] for one in up} for kind in kinds
        }
        for one in in_turn(up, min(options.rounds, _ROUNDS)):
            for kind, rates in kinds.items():
                stream = Stream(options.seconds, options.clients, rate=rates[one.name])
                drive = partial(client.drive, stream, options.client, messages)
                rounds[kind][one.name].append(drive(one.port))
    lines = [
        "The highest rate is what 500 queries under way bring; the client is what limits the fast",
        f"ones. The common rate is half of the lower one of {_SUBJECT}'s and {NSD.name}'s.",
        "",
        "| server | highest/s | half of its own/s | p50 us | p99 us | lost"
        " | common/s | p50 us | p99 us | lost |",
        "|---" + "|--:" * 9 + "|",
    ]
    for name, rate in highest.items():
        cells = [name, f"{rate:,.0f}"]
        for kind, rates in kinds.items():
            cells += [f"{rates[name]:,.0f}", *_cells(rounds[kind][name])]
        lines.append(f"| {' | '.join(cells)} |")
    figures = {
        figure: ratio_of_p99(rounds[kind], _SUBJECT, NSD.name)
        for kind, figure in (("own", f"p99/{NSD.name}"), ("equal", f"p99equal/{NSD.name}"))
        if NSD.name in rounds[kind]
    }
    return [Section("latency", "Latency at half of the highest rate", lines, figures)]


def ratio_of_p99(rounds: Mapping[str, Sequence[Answered]], ours: str, theirs: str) -> float:
    """Return the median, over rounds in pairs, of our 99th percentile by theirs."""
    return median(
        our.p99_seconds / their.p99_seconds
        for our, their in zip(rounds[ours], rounds[theirs], strict=True)
    )


def _common(highest: Mapping[str, float]) -> float:
    return min(highest[_SUBJECT], highest.get(NSD.name, highest[_SUBJECT]))


def _cells(rounds: Sequence[Answered]) -> list[str]:
    lost = sum(one.lost for one in rounds) / sum(one.sent for one in rounds)
    return [
        f"{median(one.p50_seconds for one in rounds) * 1e6:,.0f}",
        f"{median(one.p99_seconds for one in rounds) * 1e6:,.0f}",
        f"{lost:.2%}",
    ]
