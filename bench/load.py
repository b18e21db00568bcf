"""The load: dnsperf with a list of queries, and what it reports."""

import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cores import load_cpu, pinned

QUERIES = (
    ("mx1.example.com", "A"),
    ("mx2.example.com", "A"),
    ("mx3.example.com", "A"),
    ("mx4.example.com", "A"),
    ("customer.test", "MX"),
)
TIMEOUT_SECONDS = 1
MIN_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Load:
    """How dnsperf drives a server: at most `outstanding` queries under way from `clients` sockets.

    `rate` is queries per second; None: as fast as answers come (a closed loop). `expected` is the
    RCODE of a good answer.
    """

    seconds: float
    clients: int
    outstanding: int
    rate: int | None = None
    transport: str = "udp"
    expected: str = "NOERROR"

    def command(self, dnsperf: str, port: int, queries: Path) -> list[str]:
        """Return the command line against 127.0.0.1 and a port."""
        pace = [] if self.rate is None else ["-Q", str(self.rate)]
        return [
            *(dnsperf, "-m", self.transport, "-s", "127.0.0.1", "-p", str(port)),
            *("-d", str(queries), "-l", f"{self.seconds:g}", "-c", str(self.clients)),
            *("-q", str(self.outstanding), "-T", "1", "-t", str(TIMEOUT_SECONDS), *pace),
        ]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the load saw in one round; `good` are the answers with the expected RCODE.

    Latencies are the mean, the median and the 99th percentile over all answers, and
    `load_cpu_seconds` is what the load itself took; 0 where that was not measured.
    """

    sent: int
    completed: int
    lost: int
    good: int
    seconds: float
    latency_seconds: float = 0.0
    p50_seconds: float = 0.0
    p99_seconds: float = 0.0
    load_cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answered queries per second."""
        return self.completed / self.seconds


def parse(output: str, expected: str = "NOERROR") -> Answered:
    """Read dnsperf's statistics; raises ValueError where they are missing."""

    def number(label: str) -> float:
        found = re.search(rf"^\s*{re.escape(label)}:\s+([\d.]+)", output, re.MULTILINE)
        if found is None:
            raise ValueError(f"dnsperf's output has no {label!r}:\n{output[-2000:]}")
        return float(found[1])

    good = re.search(rf"^\s*Response codes:.*?\b{expected} (\d+)", output, re.MULTILINE)
    return Answered(
        sent=int(number("Queries sent")),
        completed=int(number("Queries completed")),
        lost=int(number("Queries lost")),
        good=int(good[1]) if good else 0,
        seconds=number("Run time (s)"),
        latency_seconds=number("Average Latency (s)"),
    )


def write_queries(
    directory: Path, queries: Sequence[tuple[str, str]] = QUERIES, file: str = "queries.txt"
) -> Path:
    """Write a list of names and types in dnsperf's form and return its path.

    A short list is repeated: dnsperf rewinds the file at its end, which takes time from the load.
    """
    path = directory / file
    times = -(-MIN_LINES // len(queries))
    path.write_text("".join(f"{name} {rrtype}\n" for name, rrtype in queries) * times)
    return path


def random_names(count: int, parents: Sequence[str], seed: int = 1) -> list[tuple[str, str]]:
    """Return queries for names that do not exist, below each of `parents` in turn."""
    source = random.Random(seed)
    return [
        (f"{source.getrandbits(48):x}.{parents[index % len(parents)]}", "A")
        for index in range(count)
    ]


def drive(load: Load, dnsperf: str, queries: Path, port: int) -> Answered:
    """Run dnsperf on its core and return what it saw; raises RuntimeError where it fails."""
    command = [*pinned(load_cpu()), *load.command(dnsperf, port, queries)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=load.seconds + 30, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"dnsperf failed: {done.stderr or done.stdout}")
    return parse(done.stdout, load.expected)
