"""Probes of thousands of targets: what each costs, whether the pace is kept, and who waits."""

import ipaddress
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench import client
from bench.client import Stream, write_messages
from bench.cpu import resident_bytes, spent, usage
from bench.load import QUERIES, Answered
from bench.options import Options
from bench.report import Section
from bench.rounds import in_turn
from bench.running import Running, free_port, started, workplace
from bench.servers.rrdns import variant
from bench.smtp import read_log, serving

TARGETS = 5_000
INTERVAL_SECONDS = 5
WINDOW_INTERVALS = 6
_POOL = 20  # nodes behind each host
_FIRST = int(ipaddress.IPv4Address("127.16.0.1"))
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS = 0.25
_SUBJECT, _WITHOUT = "with probes", "without"


@dataclass(frozen=True, slots=True)
class Probing:
    """What a server took while it probed; `starts` are of each target, in monotonic seconds."""

    seconds: float
    cpu_seconds: float
    sockets: int
    resident: int
    starts: Mapping[int, Sequence[float]]

    @property
    def probes(self) -> int:
        """How many probes began."""
        return sum(len(times) for times in self.starts.values())


def thousands_of_targets(options: Options) -> list[Section]:
    """Let rrdns probe SMTP servers on loopback, alone and beside queries."""
    count = options.size(TARGETS, 200)
    interval = options.size(INTERVAL_SECONDS, 1)
    port = free_port()
    hosts, nodes = hosts_and_nodes(count)
    servers = [
        variant(name, options.executor, answers=False, health=health, nodes=nodes, hosts=hosts)
        for name, health in (
            (_SUBJECT, f"check: ehlo, port: {port}, interval: {interval}"),
            (_WITHOUT, "check: none"),
        )
    ]
    with workplace() as directory:
        log = directory / "connections"
        with serving(options.smtp, port, log=log), started(servers) as up:
            time.sleep(2 * interval)  # the first round, and a second one at the usual pace
            probing = _watch(up[0], log, options.size(WINDOW_INTERVALS, 2) * interval)
            messages = write_messages(directory, QUERIES[-1:])
            latency = _latency(options, up, messages)
    return [_section(options, count, interval, probing, latency)]


def hosts_and_nodes(count: int) -> tuple[str, str]:
    """Return the configuration's lines for so many targets: hosts of some nodes each, and nodes."""
    pools = [f"pool{number}" for number in range(1, -(-count // _POOL))]
    hosts = "".join(f"      {pool}: {{role: primary, pool: {pool}}}\n" for pool in pools)
    nodes = []
    for number in range(count):
        pool = ["default", *pools][number // _POOL]
        address = ipaddress.IPv4Address(_FIRST + number)
        # mx2 to mx4 ask for secondaries: one node has the same address in both roles.
        role = f"primary: {address}" + (f", secondary: {address}" if number == 0 else "")
        nodes.append(f"  node{number}: {{{role}, pool: {pool}}}\n")
    return hosts, "".join(nodes)


def intervals(starts: Mapping[int, Sequence[float]]) -> list[float]:
    """Return the seconds from each start to the next of the same target, the shortest first."""
    return sorted(
        after - before for times in starts.values() for before, after in pairwise(sorted(times))
    )


def _watch(server: Running, log: Path, seconds: float) -> Probing:
    before, began = usage(server.pid), time.monotonic()
    most = 0
    while time.monotonic() < began + seconds:
        most = max(most, len(os.listdir(f"/proc/{server.pid}/fd")))  # noqa: PTH208
        time.sleep(_LOOK_SECONDS)
    ended = time.monotonic()
    taken = spent(before, usage(server.pid), _TICKS_PER_SECOND)
    starts: dict[int, list[float]] = {}
    for at, address in read_log(log.read_bytes()):
        if began <= at < ended:
            starts.setdefault(address, []).append(at)
    return Probing(ended - began, taken, most, resident_bytes(server.pid), starts)


def _latency(
    options: Options, servers: Sequence[Running], messages: Path
) -> dict[str, list[Answered]]:
    stream = Stream(options.seconds, options.clients, rate=float(options.rate))
    load = partial(client.drive, stream, options.client, messages)
    found: dict[str, list[Answered]] = {one.name: [] for one in servers}
    for one in in_turn(servers, options.rounds):
        found[one.name].append(load(one.port))
    return found


def _section(
    options: Options,
    count: int,
    interval: int,
    probing: Probing,
    latency: Mapping[str, Sequence[Answered]],
) -> Section:
    apart = intervals(probing.starts)
    cost = probing.cpu_seconds / probing.probes
    late = sum(one > interval * 1.1 for one in apart) / len(apart)
    lines = [
        "| figure | |",
        "|---|--:|",
        f"| targets probed within {probing.seconds:.0f} s | {len(probing.starts):,} of {count:,} |",
        f"| probes/s | {probing.probes / probing.seconds:,.0f} |",
        f"| CPU us/probe | {cost * 1e6:.0f} |",
        f"| share of one core | {probing.cpu_seconds / probing.seconds:.1%} |",
        f"| start to start, s: shortest, median, 99th percentile, longest | {apart[0]:.2f}, "
        f"{median(apart):.2f}, {apart[int(len(apart) * 0.99)]:.2f}, {apart[-1]:.2f} |",
        f"| over 1.1 times the interval | {late:.2%} |",
        f"| open files at most | {probing.sockets} |",
        f"| resident memory, MB | {probing.resident / 1e6:.0f} |",
    ]
    for name, rounds in latency.items():
        p50, p99 = (median(times) * 1e6 for times in _percentiles(rounds))
        lost = sum(one.lost for one in rounds) / sum(one.sent for one in rounds)
        lines.append(
            f"| latency at {options.rate:,} queries/s {name}{'' if name == _SUBJECT else ' probes'}"
            f", us: p50, p99 (lost) | {p50:,.0f}, {p99:,.0f} ({lost:.2%}) |"
        )
    figures = {
        "us": cost * 1e6,
        "late": late,
        "longest": apart[-1] / interval,
        "core": probing.cpu_seconds / probing.seconds,
    }
    title = f"Probes of {count:,} SMTP targets every {interval} s, {options.executor} executor"
    return Section("probes", title, lines, figures)


def _percentiles(rounds: Sequence[Answered]) -> tuple[list[float], list[float]]:
    return [one.p50_seconds for one in rounds], [one.p99_seconds for one in rounds]
