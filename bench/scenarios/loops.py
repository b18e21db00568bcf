"""Two loops on two cores beside one loop on one.

Where there are two cores in all, a load takes from two loops what it does not take from one. So the
rate is measured twice: of a burst that waits in the sockets' buffers, which takes nothing from the
server (`bench.burst`), and under a load that shares the cores.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench import client
from bench.burst import Burst, Clients, burst
from bench.client import Stream, write_messages
from bench.cores import all_cpus
from bench.load import QUERIES
from bench.options import Options
from bench.report import Section, cpu_us
from bench.rounds import in_turn
from bench.running import Round, Running, free_port, running, workplace
from bench.servers.echo import ECHO, echo
from bench.servers.rrdns import variant
from bench.servers.world import Job, Server

SUBJECT = "rrdns"
_SOCKETS = 1000
_EACH = 6  # of one loop: 6,000 queries fit into a buffer of 4 MiB, of two loops twice as many
_BURSTS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A server with a number of loops, and what was seen of it."""

    server: Running
    loops: int
    bursts: list[Burst]
    shared: list[Round]


def two_loops(options: Options) -> list[Section]:
    """Compare the rates of bursts, and rate and CPU time under a load that shares the cores."""
    cores = all_cpus()[:2]
    if len(cores) < 2:
        return [Section("loops", "Two loops", ["Only one core here: not measured."])]
    with workplace() as directory, ExitStack() as stack:
        places = [
            stack.enter_context(_placed(server, loops, cores[:loops], directory))
            for server in (variant(SUBJECT, options.executor), echo(options.echo))
            for loops in (1, 2)
        ]
        _burst(places, options.size(_BURSTS, 3))
        _share(options, places, write_messages(directory, QUERIES), cores)
    figures = {
        name: ratio_of_rates(two.bursts, one.bursts)
        for name, (one, two) in {"ratio": places[:2], ECHO: places[2:]}.items()
    }
    lines = [*_burst_lines(places), "", *_shared_lines(places, len(cores))]
    return [Section("loops", "Two loops on two cores beside one on one", lines, figures)]


def ratio_of_rates(ours: Sequence[Burst], theirs: Sequence[Burst]) -> float:
    """Return the median, over bursts in pairs, of our rate by theirs."""
    return median(our.rate / their.rate for our, their in zip(ours, theirs, strict=True))


@contextmanager
def _placed(server: Server, loops: int, cores: Sequence[int], top: Path) -> Iterator[Place]:
    directory = top / f"{server.name}-{loops}"
    directory.mkdir()
    job = Job(directory, free_port(), workers=loops)
    with running(server, server.find() or "", job, *cores) as up:
        yield Place(up, loops, [], [])


def _burst(places: Sequence[Place], count: int) -> None:
    with ExitStack() as stack:
        clients = {}
        for place in places:
            clients[place.server.port] = Clients(place.server.port, _SOCKETS)
            stack.callback(clients[place.server.port].close)
        for place in places:  # the first one finds cold caches
            burst(place.server.pid, clients[place.server.port], QUERIES, 1)
        for place in in_turn(places, count):
            own = clients[place.server.port]
            place.bursts.append(burst(place.server.pid, own, QUERIES, _EACH * place.loops))


def _share(options: Options, places: Sequence[Place], messages: Path, cores: Sequence[int]) -> None:
    """Load one loop from the other core, and two from both, by clients that sleep when they can."""
    stream = Stream(options.seconds, options.clients, blocking=True)
    for place in in_turn(places, options.rounds):
        chosen = cores if place.loops > 1 else cores[1:]
        load = partial(client.drive_from, chosen, stream, options.client, messages)
        place.shared.append(place.server.measure(load))


def _burst_lines(places: Sequence[Place]) -> list[str]:
    lines = [
        "A burst that waits in the sockets' buffers: the load takes nothing from the server. The",
        f"kernel deals {_SOCKETS:,} clients out among two loops by chance, so that one of them",
        "gets some percent more than half.",
        "",
        "| server | loops | answers/s | lowest to highest | CPU us/query | not answered |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for place in places:
        rates = [one.rate for one in place.bursts]
        missing = sum(one.asked - one.answered for one in place.bursts)
        cost = median(one.cpu_seconds / one.answered * 1e6 for one in place.bursts)
        lines.append(
            f"| {place.server.name} | {place.loops} | {median(rates):,.0f}"
            f" | {min(rates):,.0f} to {max(rates):,.0f} | {cost:.2f}"
            f" | {missing / sum(one.asked for one in place.bursts):.2%} |"
        )
    return lines


def _shared_lines(places: Sequence[Place], cores: int) -> list[str]:
    lines = [
        "A load that shares the cores: one client on the other core, or one on each of both. What",
        "server and load take together is the limit: with all cores busy, more loops do not help.",
        "",
        "| server | loops | answers/s | server's CPU us/query | load's | cores busy |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for place in places:
        answered = [one.answered for one in place.shared]
        loads = median(one.load_cpu_seconds / one.completed * 1e6 for one in answered)
        busy = median(
            (one.cpu_seconds + one.answered.load_cpu_seconds) / one.answered.seconds
            for one in place.shared
        )
        lines.append(
            f"| {place.server.name} | {place.loops} | {median(one.rate for one in answered):,.0f}"
            f" | {cpu_us(place.shared):.2f} | {loads:.2f} | {busy:.2f} of {cores} |"
        )
    return lines
