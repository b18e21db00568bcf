"""Figures of several rounds to a table."""

import platform
from collections.abc import Mapping, Sequence
from statistics import median

from bench.running import Round


def ratio(ours: Sequence[Round], theirs: Sequence[Round]) -> float:
    """Return the median, over rounds in pairs, of our CPU per query by theirs."""
    return median(
        our.cpu_us_per_query / their.cpu_us_per_query
        for our, their in zip(ours, theirs, strict=True)
    )


def table(rounds: Mapping[str, Sequence[Round]], subject: str, baseline: str) -> list[str]:
    """Return the lines of a Markdown table, a server a line.

    The ratio columns are CPU per query: a server's by the baseline's, and the subject's by the
    server's; a dash where one of the two is not there.
    """
    lines = [
        f"| server | answered | queries/s | CPU us/query | by {baseline}'s | {subject}'s by its |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, own in rounds.items():
        by_baseline = f"{ratio(own, rounds[baseline]):.2f}" if baseline in rounds else "-"
        by_own = f"{ratio(rounds[subject], own):.2f}" if subject in rounds else "-"
        lines.append(
            f"| {name} | {sum(one.answered.completed for one in own):,}"
            f" | {median(one.answered.rate for one in own):,.0f}"
            f" | {median(one.cpu_us_per_query for one in own):.2f}"
            f" | {by_baseline} | {by_own} |"
        )
    return lines


def machine(cores: int) -> str:
    """Return one line that says on what the figures were measured."""
    return f"{_processor()}, {cores} cores, Linux {platform.release()}, Python " + (
        platform.python_version()
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()
