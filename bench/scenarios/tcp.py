"""CPU per query over TCP with pipelining."""

from collections.abc import Callable, Mapping
from functools import partial

from bench import pipelining
from bench.load import Answered, Load, drive, write_queries
from bench.options import Options
from bench.report import Section, compared
from bench.rounds import measured
from bench.running import started, workplace
from bench.servers import OTHERS, RRDNS
from bench.servers.rrdns import NATIVE, PYTHON

CONNECTIONS = 4
DEPTHS = (100, 10)


def pipelined(options: Options) -> list[Section]:
    """A client that writes as many queries together as its last read brought answers."""
    loads = {}
    with workplace() as directory:
        queries = write_queries(directory)
        for depth in DEPTHS:
            title = f"TCP, {CONNECTIONS} connections, {depth} under way on each, written together"
            load = partial(pipelining.drive, queries, CONNECTIONS, depth, options.seconds)
            loads[f"tcp{depth}"] = (title, load)
        return _sections(options, loads)


def single_writes(options: Options) -> list[Section]:
    """dnsperf, which writes each query by itself: as fast as answers come, and at a fixed rate."""
    loads = {}
    with workplace() as directory:
        queries = write_queries(directory)
        under_way = CONNECTIONS * DEPTHS[0]
        fixed = options.rate // 2
        for key, rate, pace in (
            ("tcpsingle", None, "closed loop"),
            ("tcpfixed", fixed, f"fixed {fixed:,} queries/s"),
        ):
            load = Load(options.seconds, CONNECTIONS, under_way, rate, transport="tcp")
            title = f"TCP, dnsperf, {CONNECTIONS} connections, a write for each query, {pace}"
            loads[key] = (title, partial(drive, load, options.dnsperf, queries))
        return _sections(options, loads)


def _sections(
    options: Options, loads: Mapping[str, tuple[str, Callable[[int], Answered]]]
) -> list[Section]:
    with started(options.chosen([*RRDNS, *OTHERS])) as up:
        return [
            compared(key, title, measured(up, load, options.rounds), (NATIVE, PYTHON))
            for key, (title, load) in loads.items()
        ]
