"""CPU per query over UDP: the mix of five queries under three loads, and names that are absent."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from bench import client
from bench.client import Stream, write_messages
from bench.load import QUERIES, Answered, Load, drive, random_names, write_queries
from bench.options import Options
from bench.report import Section, compared
from bench.rounds import measured
from bench.running import started, workplace
from bench.servers import OTHERS, RRDNS, SERVERS
from bench.servers.echo import echo
from bench.servers.rrdns import NATIVE, PYTHON
from bench.servers.world import CUSTOMER, Server

RANDOM_NAMES = 100_000
SUBJECTS = (NATIVE, PYTHON)
_WARM_UP_SECONDS = 0.2


def mix(options: Options) -> list[Section]:
    """As many queries as keep the server's core busy."""
    stream = Stream(options.seconds, options.clients)
    title = f"Five queries over UDP, {stream.window} under way, many asked in one system call"
    return [_by_client(options, "mix", title, QUERIES, stream, _with_echo(options))]


def closed_loop(options: Options) -> list[Section]:
    """As fast as dnsperf asks."""
    title = (
        f"The same by dnsperf, {options.outstanding} under way: "
        "it cannot ask more than about the slower of them answer"
    )
    return [_by_dnsperf(options, "closed", title, None, _with_echo(options))]


def fixed_rate(options: Options) -> list[Section]:
    """The same rate for all, low enough that nobody is busy."""
    title = f"The same by dnsperf at {options.rate:,} queries/s: nobody is busy"
    servers = [echo(options.echo), *RRDNS, *OTHERS]
    return [_by_dnsperf(options, "fixed", title, options.rate, servers)]


def random_subdomains(options: Options) -> list[Section]:
    """Names that do not exist, each asked for once in a long while."""
    count = options.size(RANDOM_NAMES, 5_000)
    names = random_names(count, ("example.com", CUSTOMER))
    title = f"Random-subdomain flood: {count:,} names that do not exist"
    stream = Stream(options.seconds, options.clients, expected="NXDOMAIN")
    return [_by_client(options, "nxdomain", title, names, stream, [*RRDNS, *OTHERS])]


def _with_echo(options: Options) -> list[Server]:
    return [echo(options.echo), *SERVERS]


def _by_client(
    options: Options,
    key: str,
    title: str,
    queries: Sequence[tuple[str, str]],
    stream: Stream,
    servers: Sequence[Server],
) -> Section:
    with workplace() as directory:
        messages = write_messages(directory, queries)
        load = partial(client.drive, stream, options.client, messages)
        short = replace(stream, seconds=_WARM_UP_SECONDS)
        warm_up = partial(client.drive, short, options.client, messages)
        return _compared(options, key, title, servers, load, warm_up)


def _by_dnsperf(
    options: Options, key: str, title: str, rate: int | None, servers: Sequence[Server]
) -> Section:
    load = Load(options.seconds, options.clients, options.outstanding, rate=rate)
    with workplace() as directory:
        driven = partial(drive, load, options.dnsperf, write_queries(directory))
        return _compared(options, key, title, servers, driven)


def _compared(
    options: Options,
    key: str,
    title: str,
    servers: Sequence[Server],
    load: Callable[[int], Answered],
    warm_up: Callable[[int], Answered] | None = None,
) -> Section:
    with started(options.chosen(servers)) as up:
        return compared(key, title, measured(up, load, options.rounds, warm_up), SUBJECTS)
