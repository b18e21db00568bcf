"""100,000 filtered domains: CPU per query for random ones, time to start, memory."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench import client
from bench.client import Stream, write_messages
from bench.cpu import proportional_bytes, resident_bytes
from bench.names import domain_names, questions
from bench.options import Options
from bench.report import Section, compared
from bench.rounds import measured
from bench.running import Running, started, workplace
from bench.servers import OTHERS, RRDNS
from bench.servers.rrdns import NATIVE, PYTHON
from bench.servers.world import Job

DOMAINS = 100_000
_SUBJECTS = (NATIVE, PYTHON)
_MEGABYTE = 1e6


def many_domains(options: Options) -> list[Section]:
    """Start each server with the domains, see what that took, and ask for them at random."""
    count = options.size(DOMAINS, 500)
    names = domain_names(count)
    asked = questions(names, 2 * count)
    servers = options.chosen([*RRDNS, *OTHERS])
    with workplace() as directory, started(servers, Job(Path(), 0, domains=names)) as up:
        sizes = {one.name: proportional_bytes(one.pid) / _MEGABYTE for one in up}
        resident = {one.name: resident_bytes(one.pid) / _MEGABYTE for one in up}
        messages = write_messages(directory, asked)
        stream = Stream(options.seconds, options.clients)
        load = partial(client.drive, stream, options.client, messages)
        rounds = measured(up, load, options.rounds, load)
        starts = {one.name: one.start_seconds for one in up}
        lines = footprint(up, sizes, resident)
    cost = compared("domains", f"{count:,} domains, random MX", rounds, _SUBJECTS)
    figures = {**cost.figures, **beside_the_best(starts, sizes)}
    title = f"{count:,} domains: start and memory"
    return [
        Section("domains", cost.title, cost.lines, figures, cost.bars),
        Section("footprint", title, lines),
    ]


def footprint(
    servers: list[Running], sizes: Mapping[str, float], resident: Mapping[str, float]
) -> list[str]:
    """Return the lines of a Markdown table of start times and memory (megabytes), by server."""
    return [
        "From the start of the program to its first answer. Proportional memory counts pages that",
        "processes share once, resident memory for each.",
        "",
        "| server | start s | memory MB, proportional | resident |",
        "|---|--:|--:|--:|",
        *(
            f"| {one.name} | {one.start_seconds:.2f} | {sizes[one.name]:.0f}"
            f" | {resident[one.name]:.0f} |"
            for one in servers
        ),
    ]


def beside_the_best(starts: Mapping[str, float], sizes: Mapping[str, float]) -> dict[str, float]:
    """Return rrdns's start (seconds) and memory, by the best of the others'; none without both."""
    figures: dict[str, float] = {}
    if NATIVE in starts:
        figures["start_seconds"] = starts[NATIVE]
        for name, values in (("start", starts), ("memory", sizes)):
            others = [value for server, value in values.items() if server not in _SUBJECTS]
            if others:
                figures[name] = values[NATIVE] / min(others)
    return figures
