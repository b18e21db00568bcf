"""Runs the comparison in a network namespace of its own, and makes a table of what was seen."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.ending import run
from bench.failover.contestants import CONTESTANTS
from bench.failover.events import WORDS, Kind
from bench.failover.watching import Seen
from bench.report import Section

TITLE = "Failover: seconds until the answers change"
_MARGIN_SECONDS = 120.0


def lacking() -> str | None:
    """Return what is missing here for a network namespace in which packets are dropped."""
    for program in ("unshare", "ip", "nft"):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            return f"{program} (apt-get install util-linux iproute2 nftables)"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        return "the privilege to make a network namespace (root)"
    return None


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: see `python -m bench.failover --help`; empty `only` means all servers."""

    patience: float = 250.0
    seconds: float = 240.0
    repeats: int = 10
    settle: float = 6.0
    only: Sequence[str] = ()
    kinds: Sequence[Kind] = tuple(Kind)


def compare(smtp: Path, trial: Trial) -> Section:
    """Watch all servers at once; raises RuntimeError where that fails."""
    words = [
        *("unshare", "--net", sys.executable, "-m", "bench.failover.inside"),
        *("--smtp", str(smtp), "--patience", str(trial.patience)),
        *("--seconds", str(trial.seconds), "--repeats", str(trial.repeats)),
        *("--settle", str(trial.settle), "--kinds", *(kind.value for kind in trial.kinds)),
        *(["--only", *trial.only] if trial.only else []),
    ]
    done = run(words, trial.seconds + 2 * trial.patience + _MARGIN_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"the comparison failed: {done.stderr[-2000:]}")
    return section(read(done.stdout), trial.patience)


def read(output: str) -> dict[str, dict[Kind, Seen]]:
    """Read what the part in the namespace printed."""
    return {
        name: {Kind(label): Seen(**seen) for label, seen in own.items()}
        for name, own in json.loads(output).items()
    }


def section(found: Mapping[str, Mapping[Kind, Seen]], patience: float) -> Section:
    """Return a table: a failure a line, a server a column."""
    kinds = [kind for kind in Kind if any(kind in own for own in found.values())]
    lines = [
        "Median (longest; how many times), from the event to the first answer that knows of it.",
        *(f"- {one.name}: {one.settings}" for one in CONTESTANTS if one.name in found),
        "",
        "| event | " + " | ".join(found) + " |",
        "|---" + "|--:" * len(found) + "|",
    ]
    for kind in kinds:
        out = [shown(own[kind].out, patience) for own in found.values()]
        back = [shown(own[kind].back, patience) for own in found.values()]
        lines.append(f"| {WORDS[kind]}: out | {' | '.join(out)} |")
        lines.append(f"| its return: back | {' | '.join(back)} |")
    figures = {
        f"{direction}/{kind.value}/{name}": max(times)
        for name, own in found.items()
        for kind, seen in own.items()
        for direction, values in (("out", seen.out), ("back", seen.back))
        if (times := [one for one in values if one is not None])
    }
    return Section("failover", TITLE, lines, figures)


def shown(values: Sequence[float | None], patience: float) -> str:
    """Return times as a cell: a dash where nothing was tried, "not within" where none came."""
    times = [one for one in values if one is not None]
    late = "" if len(times) == len(values) else f"not within {patience:g} s"
    if not times:
        return late or "-"
    cell = f"{median(times):.1f} ({max(times):.1f}; {len(times)})"
    return f"{cell}, {late}" if late else cell
