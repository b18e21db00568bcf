"""The load: dnsperf with one list of queries, and what it reports."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

QUERIES = (
    ("mx1.example.com", "A"),
    ("mx2.example.com", "A"),
    ("mx3.example.com", "A"),
    ("mx4.example.com", "A"),
    ("customer.test", "MX"),
)
TIMEOUT_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Load:
    """How dnsperf drives a server: closed loop, at most `outstanding` queries under way.

    `rate` is queries per second; None: as fast as answers come.
    """

    seconds: float
    clients: int
    outstanding: int
    rate: int | None

    def command(self, dnsperf: str, port: int, queries: Path) -> list[str]:
        """Return the command line against 127.0.0.1 and a port."""
        pace = [] if self.rate is None else ["-Q", str(self.rate)]
        return [
            *(dnsperf, "-s", "127.0.0.1", "-p", str(port), "-d", str(queries)),
            *("-l", f"{self.seconds:g}", "-c", str(self.clients), "-q", str(self.outstanding)),
            *("-T", "1", "-t", str(TIMEOUT_SECONDS), *pace),
        ]


@dataclass(frozen=True, slots=True)
class Answered:
    """What dnsperf saw in one round; `good` are the answers with NOERROR."""

    sent: int
    completed: int
    lost: int
    good: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answered queries per second."""
        return self.completed / self.seconds


def parse(output: str) -> Answered:
    """Read dnsperf's statistics; raises ValueError where they are missing."""

    def number(label: str) -> float:
        found = re.search(rf"^\s*{re.escape(label)}:\s+([\d.]+)", output, re.MULTILINE)
        if found is None:
            raise ValueError(f"dnsperf's output has no {label!r}:\n{output[-2000:]}")
        return float(found[1])

    good = re.search(r"^\s*Response codes:.*?\bNOERROR (\d+)", output, re.MULTILINE)
    return Answered(
        sent=int(number("Queries sent")),
        completed=int(number("Queries completed")),
        lost=int(number("Queries lost")),
        good=int(good[1]) if good else 0,
        seconds=number("Run time (s)"),
    )


def write_queries(directory: Path) -> Path:
    """Write the list of queries in dnsperf's form and return its path."""
    path = directory / "queries.txt"
    path.write_text("".join(f"{name} {rrtype}\n" for name, rrtype in QUERIES))
    return path


def drive(command: list[str], seconds: float) -> Answered:
    """Run dnsperf and return what it saw; raises RuntimeError where it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 30, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"dnsperf failed: {done.stderr or done.stdout}")
    return parse(done.stdout)
