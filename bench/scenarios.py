"""The scenarios: each starts its servers, loads them in turn, and returns what to print."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import pipelining
from bench.load import QUERIES, Answered, Load, drive, random_names, write_queries
from bench.misses import Flooded, flood_table, measure
from bench.report import table
from bench.running import Round, Running, running
from bench.servers import SERVERS, Server, write_rrdns

RANDOM_NAMES = 100_000
GOOD_RATE = 5_000
CONNECTIONS = 4
DEPTHS = (100, 10)
_UNREACHED = 1_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; see `python -m bench --help`."""

    dnsperf: str
    rounds: int
    seconds: float
    clients: int
    outstanding: int
    rate: int
    flood: int
    only: frozenset[str]


def closed_loop(options: Options) -> list[str]:
    """As fast as answers come."""
    return _udp(options, "As fast as answers come (closed loop)", _load(options))


def fixed_rate(options: Options) -> list[str]:
    """The same rate for all, low enough that nobody is busy."""
    title = f"At a fixed {options.rate:,} queries/s"
    return _udp(options, title, _load(options, rate=options.rate))


def random_subdomains(options: Options) -> list[str]:
    """Names that do not exist, each asked for once in a long while."""
    names = random_names(RANDOM_NAMES, ("example.com", "customer.test"))
    title = f"Random-subdomain flood: {RANDOM_NAMES:,} names that do not exist (closed loop)"
    return _udp(options, title, _load(options, expected="NXDOMAIN"), names)


def miss_flood(options: Options) -> list[str]:
    """Good queries at a fixed rate, with a flood of misses beside them and without."""
    with _started(_chosen(options)) as (directory, servers):
        queries = write_queries(directory, [("mx1.example.com", "A")])
        good = partial(drive, _load(options, rate=GOOD_RATE), options.dnsperf, queries)
        rounds: dict[str, dict[str, list[Flooded]]] = {
            server.name: {"no": [], "yes": []} for server in servers
        }
        for _ in range(options.rounds):
            for server in servers:
                for kind, rate in (("no", 0), ("yes", options.flood)):
                    one = measure(server, good, options.seconds, rate)
                    rounds[server.name][kind].append(one)
    title = (
        f"Miss flood of {options.flood:,} queries/s beside {GOOD_RATE:,} good ones/s "
        "(A of mx1.example.com)"
    )
    return [f"{title}:", "", *flood_table(rounds)]


def tcp(options: Options) -> list[str]:
    """TCP with pipelining, by a client that writes queries together, and by dnsperf."""
    lines: list[str] = []
    with _started(_chosen(options)) as (directory, servers):
        queries = write_queries(directory)
        loads: list[tuple[str, Callable[[int], Answered]]] = [
            (
                f"TCP, {CONNECTIONS} connections, {depth} under way on each, written together",
                partial(pipelining.drive, queries, CONNECTIONS, depth, options.seconds),
            )
            for depth in DEPTHS
        ]
        for depth, rate, pace in (
            (100, None, "closed loop"),
            (100, options.rate // 2, f"fixed {options.rate // 2:,} queries/s"),
        ):
            load = Load(options.seconds, CONNECTIONS, CONNECTIONS * depth, rate, transport="tcp")
            loads.append(
                (
                    f"TCP, dnsperf, {CONNECTIONS} connections, a write for each query, {pace}",
                    partial(drive, load, options.dnsperf, queries),
                )
            )
        for title, driven in loads:
            lines += _compared(options, title, servers, driven)
            lines.append("")
    return lines[:-1]


def rate_limiting(options: Options) -> list[str]:
    """The cost of rate limiting: off, for exempt clients, and for all below the limit."""
    kinds = {
        "off": "responses_per_second: 0",
        "on, client exempt": "responses_per_second: 200",
        "on, nothing over": f"responses_per_second: {_UNREACHED}, exempt: []",
    }
    servers = [
        Server(name, lambda: sys.executable, partial(write_rrdns, limits=limits))
        for name, limits in kinds.items()
    ]
    title = "rrdns's rate limiting (closed loop)"
    return _udp(options, title, _load(options), servers=servers, subject="off", baseline="off")


SCENARIOS: Mapping[str, Callable[[Options], list[str]]] = {
    "closed": closed_loop,
    "fixed": fixed_rate,
    "nxdomain": random_subdomains,
    "misses": miss_flood,
    "tcp": tcp,
    "limits": rate_limiting,
}


def _load(options: Options, *, rate: int | None = None, expected: str = "NOERROR") -> Load:
    return Load(options.seconds, options.clients, options.outstanding, rate=rate, expected=expected)


def _udp(
    options: Options,
    title: str,
    load: Load,
    names: Iterable[tuple[str, str]] = QUERIES,
    *,
    servers: Iterable[Server] | None = None,
    subject: str = "rrdns",
    baseline: str = "nsd",
) -> list[str]:
    chosen = _chosen(options) if servers is None else servers
    with _started(chosen) as (directory, started):
        driven = partial(drive, load, options.dnsperf, write_queries(directory, list(names)))
        title = f"{title}, {load.clients} sockets, {load.outstanding} outstanding"
        return _compared(options, title, started, driven, subject, baseline)


def _compared(
    options: Options,
    title: str,
    servers: Iterable[Running],
    driven: Callable[[int], Answered],
    subject: str = "rrdns",
    baseline: str = "nsd",
) -> list[str]:
    rounds: dict[str, list[Round]] = {server.name: [] for server in servers}
    for _ in range(options.rounds):
        for server in servers:
            rounds[server.name].append(server.measure(driven))
    return [f"{title}:", "", *table(rounds, subject, baseline)]


def _chosen(options: Options) -> list[Server]:
    return [server for server in SERVERS if not options.only or server.name in options.only]


@contextmanager
def _started(servers: Iterable[Server]) -> Iterator[tuple[Path, list[Running]]]:
    """Start those of the servers that are installed, each in a directory of its own."""
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rrdns-bench-")))
        started = []
        for number, server in enumerate(servers):
            program = server.find()
            if program is not None:
                directory = top / str(number)
                directory.mkdir()
                started.append(stack.enter_context(running(server, program, directory)))
        yield top, started
