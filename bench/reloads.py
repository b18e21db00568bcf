"""Reloads of a server with many domains: their time, what they leave in memory, and who waits.

The files are written before, so that nothing but the server works while it is measured.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench import client
from bench.client import Stream, write_messages
from bench.control import ask
from bench.cpu import resident_bytes
from bench.load import Answered
from bench.names import questions
from bench.options import Options
from bench.running import Running, workplace

CHANGES = 1_000
_FILES = 4
_ASKED = 10_000
# The allocator takes a few reloads to have seen all sizes.
_SETTLED_AFTER = 10


@dataclass(frozen=True, slots=True)
class Reloads:
    """What a number of reloads showed: seconds and resident octets after each.

    `quiet` and `busy` are rounds of load without and with reloads beside them.
    """

    seconds: Sequence[float]
    sizes: Sequence[int]
    quiet: Sequence[Answered]
    busy: Sequence[Answered]

    @property
    def growth(self) -> float:
        """Memory in the end by that after the first few reloads."""
        settled = self.sizes[min(_SETTLED_AFTER, len(self.sizes) // 2)]
        return median(self.sizes[-3:]) / settled


def measure(options: Options, server: Running, names: Sequence[str], count: int) -> Reloads:
    """Reload rrdns at least so many times with changes to its domains, some of them under load."""
    changes = min(CHANGES, len(names) // 2)
    kept = names[:-changes]
    seconds: list[float] = []
    sizes: list[int] = []
    files = [_written(server.directory, kept, changes, number) for number in range(_FILES)]

    def reload() -> None:
        _put(files[len(seconds) % _FILES], server.directory / "domains.txt")
        began = time.monotonic()
        ask(server.directory / "rrdns.sock", "POST", "/api/v1/reload")
        seconds.append(time.monotonic() - began)
        sizes.append(resident_bytes(server.pid))

    with workplace() as directory:
        stream = Stream(options.seconds, options.clients, rate=float(options.rate))
        messages = write_messages(directory, questions(kept, min(_ASKED, len(kept))))
        load = partial(client.drive, stream, options.client, messages)
        quiet = [load(server.port) for _ in range(options.rounds)]
        with _again_and_again(reload):
            busy = [load(server.port) for _ in range(options.rounds)]
    while len(seconds) < count:
        reload()
    return Reloads(seconds, sizes, quiet, busy)


def lines_of(reloads: Reloads) -> list[str]:
    """Return lines of a Markdown table of two columns."""
    lines = [
        f"| reload with {CHANGES:,} changes, s (median of {len(reloads.seconds)}) "
        f"| {median(reloads.seconds):.2f} |",
        f"| memory in the end by that after the first few reloads | {reloads.growth:.3f} |",
    ]
    for kind, rounds in (("no reload", reloads.quiet), ("reloads all the time", reloads.busy)):
        rate = median(one.sent / one.seconds for one in rounds)
        latency = median(one.p99_seconds for one in rounds) * 1e6
        lost = sum(one.lost for one in rounds) / sum(one.sent for one in rounds)
        lines.append(
            f"| p99 latency at {rate:,.0f} queries/s with {kind}, us (lost) "
            f"| {latency:,.0f} ({lost:.2%}) |"
        )
    return lines


def _written(directory: Path, kept: Sequence[str], changes: int, number: int) -> Path:
    path = directory / f"domains.{number}.txt"
    fresh = (f"customer-{number}-{index}.example.org\n" for index in range(changes))
    path.write_text("".join(f"{name}\n" for name in kept) + "".join(fresh))
    return path


def _put(path: Path, place: Path) -> None:
    link = place.with_suffix(".next")
    os.link(path, link)
    link.replace(place)


@contextmanager
def _again_and_again(work: Callable[[], None]) -> Iterator[None]:
    """Do something in a thread until the end; raises what it raised there."""
    ending = threading.Event()
    failures: list[Exception] = []

    def run() -> None:
        while not ending.is_set() and not failures:
            try:
                work()
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
    if failures:
        raise failures[0]
