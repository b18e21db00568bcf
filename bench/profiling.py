"""Where a server's time goes, by `perf record`: kernel, its own code, libraries."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import family

KERNEL = "kernel"
_HERTZ = 1999
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sampled:
    """Shares of a server's CPU time, 0 to 1: by object (KERNEL, a file's name), and by symbol."""

    objects: dict[str, float]
    symbols: dict[str, float]


def profiler() -> str | None:
    """Return perf's path; None where it is missing or not allowed to sample."""
    perf = shutil.which("perf")
    if perf is None:
        return None
    words = [perf, "record", "-q", "-e", "cpu-clock", "-o", "/dev/null", "--", "true"]
    done = subprocess.run(words, capture_output=True, check=False)
    return perf if done.returncode == 0 else None


def sample(perf: str, root: int, work: Sequence[str], directory: Path) -> Sampled:
    """Sample a server, whose first process is `root`, while a command loads it.

    Raises RuntimeError where perf or the command fails.
    """
    data = str(directory / "perf.data")
    processes = ",".join(str(process.pid) for process in family(root))
    # perf begins the command when it samples already.
    recorded = _run(
        [
            *(perf, "record", "-q", "-e", "cpu-clock", "-F", str(_HERTZ)),
            *("-o", data, "-p", processes, "--", *work),
        ]
    )
    reported = _run(
        [
            *(perf, "report", "-i", data, "--stdio", "--no-children"),
            *("-t", ";", "-F", "overhead,dso,symbol"),
        ]
    )
    for done in (recorded, reported):
        if done.returncode != 0:
            raise RuntimeError(f"perf: {done.stderr}")
    return parse(reported.stdout.splitlines())


def _run(words: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
    )


def parse(lines: Sequence[str]) -> Sampled:
    """Read the lines of `perf report`: share, object and symbol, divided by semicolons."""
    objects: dict[str, float] = {}
    symbols: dict[str, float] = {}
    for line in lines:
        cells = [cell.strip() for cell in line.split(";", 2)]
        if len(cells) != 3 or not cells[0].endswith("%"):
            continue
        share = float(cells[0].rstrip("%")) / 100
        kernel = cells[2].startswith("[k]")
        name = KERNEL if kernel else _short(cells[1])
        symbol = f"{cells[2].partition(' ')[2]} ({name})"
        objects[name] = objects.get(name, 0.0) + share
        symbols[symbol] = symbols.get(symbol, 0.0) + share
    return Sampled(_highest_first(objects), _highest_first(symbols))


def _highest_first(shares: dict[str, float]) -> dict[str, float]:
    return dict(sorted(shares.items(), key=lambda pair: -pair[1]))


def _short(file: str) -> str:
    return file.partition(".cpython")[0].partition(".so")[0]
