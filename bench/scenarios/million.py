"""A million filtered domains: start, memory, what they cost an answer, and reloads."""

from functools import partial
from pathlib import Path
from statistics import median

from bench import client
from bench.client import Stream, write_messages
from bench.cpu import peak_bytes, resident_bytes
from bench.names import domain_names, questions, typical, wire_octets
from bench.options import Options
from bench.reloads import Reloads, lines_of, measure
from bench.report import Section, cpu_us, ratio
from bench.rounds import in_turn
from bench.running import Round, Running, started, workplace
from bench.servers.rrdns import variant
from bench.servers.world import Job

DOMAINS = 1_000_000
RELOADS = 100
STARTS = 3
_MEGABYTE = 1e6


def a_million(options: Options) -> list[Section]:
    """Start rrdns with a million domains, ask for one and for all of them, and reload it."""
    names = domain_names(options.size(DOMAINS, 5_000))
    server = variant("rrdns", options.executor)
    job = Job(Path(), 0, domains=names)
    with started([server]) as (alone,):
        alone_bytes = resident_bytes(alone.pid)
    starts = []
    for _ in range(options.size(STARTS, 1) - 1):
        with started([server], job) as (one,):
            starts.append(one.start_seconds)
    with started([server], job) as (one,):
        starts.append(one.start_seconds)
        resident, peak = resident_bytes(one.pid), peak_bytes(one.pid)
        rounds = _one_and_all(options, one, names)
        reloads = measure(options, one, names, options.size(RELOADS, 3))
        in_the_end = peak_bytes(one.pid)
    octets = octets_beyond(resident - alone_bytes, names)
    grown = ratio(rounds["all"], rounds["one"])
    length = wire_octets(names) / len(names)
    lines = [
        "| figure | |",
        "|---|--:|",
        f"| start of the program to its first answer, s (median of {len(starts)}) "
        f"| {median(starts):.2f} |",
        f"| resident memory, MB | {resident / _MEGABYTE:.0f} |",
        f"| highest until then, MB | {peak / _MEGABYTE:.0f} |",
        f"| the same program with one domain, MB | {alone_bytes / _MEGABYTE:.0f} |",
        f"| octets a domain beyond its name ({length:.1f} on average) | {octets:.0f} |",
        f"| CPU us/query, MX of one domain | {cpu_us(rounds['one']):.2f} |",
        f"| CPU us/query, MX of random domains | {cpu_us(rounds['all']):.2f} |",
        f"| random by one, median of pairs | {grown:.2f} |",
        *lines_of(reloads),
        f"| highest memory in the end, MB | {in_the_end / _MEGABYTE:.0f} |",
    ]
    figures = {
        "start_seconds": median(starts),
        "megabytes": resident / _MEGABYTE,
        "octets": octets,
        "ratio": grown,
        **_figures(reloads),
    }
    title = f"{len(names):,} domains, {options.executor} executor"
    return [Section("million", title, lines, figures)]


def octets_beyond(grown_bytes: int, names: list[str]) -> float:
    """Return the memory of a domain that is not its name in wire format."""
    return (grown_bytes - wire_octets(names)) / len(names)


def _figures(reloads: Reloads) -> dict[str, float]:
    return {"growth": reloads.growth, "reload_seconds": median(reloads.seconds)}


def _one_and_all(options: Options, server: Running, names: list[str]) -> dict[str, list[Round]]:
    """Ask for one name and for names at random, in pairs of rounds."""
    asked = {"one": [(typical(names), "MX")], "all": questions(names, len(names) // 2)}
    stream = Stream(options.seconds, options.clients)
    with workplace() as directory:
        loads = {
            kind: partial(
                client.drive, stream, options.client, write_messages(directory, queries, kind)
            )
            for kind, queries in asked.items()
        }
        for load in loads.values():
            load(server.port)
        rounds: dict[str, list[Round]] = {kind: [] for kind in loads}
        for kind in in_turn(list(loads), options.rounds):
            rounds[kind].append(server.measure(loads[kind]))
    return rounds
