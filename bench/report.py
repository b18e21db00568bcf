"""Figures of several rounds to sections of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.running import Round


@dataclass(frozen=True, slots=True)
class Section:
    """What one measurement shows: Markdown lines below a title, and its figures by name.

    `bars` are what a chart can show of it: a value by server.
    """

    key: str
    title: str
    lines: Sequence[str]
    figures: Mapping[str, float] = field(default_factory=dict)
    bars: Mapping[str, float] = field(default_factory=dict)


def ratio(ours: Sequence[Round], theirs: Sequence[Round]) -> float:
    """Return the median, over rounds in pairs, of our CPU per query by theirs."""
    return median(
        our.cpu_us_per_query / their.cpu_us_per_query
        for our, their in zip(ours, theirs, strict=True)
    )


def cpu_us(rounds: Sequence[Round]) -> float:
    """Return the median of the CPU microseconds per query."""
    return median(one.cpu_us_per_query for one in rounds)


def ratios(rounds: Mapping[str, Sequence[Round]], subjects: Sequence[str]) -> dict[str, float]:
    """Return CPU per query of each subject by each other server's, named ``subject/server``."""
    return {
        f"{subject}/{name}": ratio(rounds[subject], own)
        for subject in subjects
        if subject in rounds
        for name, own in rounds.items()
        if name != subject
    }


def table(rounds: Mapping[str, Sequence[Round]], subjects: Sequence[str]) -> list[str]:
    """Return the lines of a Markdown table, a server a line.

    "Of a core" is how busy the server was. The last columns are CPU per query of each subject by
    the line's server: medians of pairs. A subject that was not measured has no column.
    """
    present = [subject for subject in subjects if subject in rounds]
    heads = [
        *("server", "answered", "queries/s", "of a core", "CPU us/query", "lowest to highest"),
        *(f"{subject}'s by its" for subject in present),
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    for name, own in rounds.items():
        costs = [one.cpu_us_per_query for one in own]
        cells = [
            *(name, f"{sum(one.answered.completed for one in own):,}"),
            f"{median(one.answered.rate for one in own):,.0f}",
            f"{median(one.cpu_seconds / one.answered.seconds for one in own):.0%}",
            *(f"{median(costs):.2f}", f"{min(costs):.2f} to {max(costs):.2f}"),
            *(f"{ratio(rounds[subject], own):.2f}" for subject in present),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def compared(
    key: str, title: str, rounds: Mapping[str, Sequence[Round]], subjects: Sequence[str]
) -> Section:
    """Return the section of rounds: table, ratios, each server's CPU per query."""
    costs = {name: cpu_us(own) for name, own in rounds.items()}
    return Section(key, title, table(rounds, subjects), ratios(rounds, subjects), costs)
