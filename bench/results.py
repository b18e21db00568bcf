"""The whole report as files: results.md, and a chart beside it."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.chart import chart
from bench.goals import goal_table
from bench.machine import machine, memory_bytes, revision, versions
from bench.options import Options
from bench.report import Section
from bench.servers.world import Server

CHARTED = {
    "mix": "Five queries over UDP",
    "domains": "100,000 domains, random MX",
    "tcp100": "TCP, pipelined",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What one run measured, and under which conditions; sections are added as they come."""

    date: str
    machine: str
    revision: str | None
    versions: dict[str, str]
    load_average: float
    left_out: Sequence[str]
    options: Options
    sections: list[Section] = field(default_factory=list)

    @staticmethod
    def begun(
        options: Options, servers: Iterable[Server], load_average: float, left_out: Sequence[str]
    ) -> "Report":
        """Return a report without sections, of now and here."""
        memory = f"{memory_bytes() / 2**30:.0f} GiB"
        return Report(
            date=time.strftime("%Y-%m-%d"),
            machine=f"{machine()}, {memory} of memory",
            revision=revision(),
            versions=versions(servers),
            load_average=load_average,
            left_out=left_out,
            options=options,
        )


def write_results(report: Report, directory: Path) -> list[Path]:
    """Write results.md and, where there is something to draw, results.svg; return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    panels = {
        CHARTED[section.key]: section.bars
        for section in report.sections
        if section.key in CHARTED and section.bars
    }
    written = [directory / "results.md"]
    if panels:
        written.append(directory / "results.svg")
        footer = f"{report.machine}; {report.date}"
        written[1].write_text(chart("CPU per query, microseconds: less is better", panels, footer))
    written[0].write_text("\n".join(markdown(report, charted=bool(panels))) + "\n")
    return written


def markdown(report: Report, *, charted: bool) -> list[str]:
    """Return the lines of results.md."""
    options = report.options
    others = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    lines = [
        "# Results of the benchmark",
        "",
        "Written by `make bench`; [docs/benchmarks.md](../docs/benchmarks.md) says how each figure",
        "is measured.",
        "",
        f"- {report.date}; rrdns at {report.revision or 'an unknown commit'};"
        f" {others or 'no others'}",
        f"- {report.machine}; load average {report.load_average:.1f} at the start",
        f"- medians of {options.rounds} paired rounds of {options.seconds:g} s",
    ]
    if report.left_out:
        lines.append(f"- not installed, so left out: {', '.join(report.left_out)}")
    if options.quick:
        lines.append("- a quick run: its figures mean little")
    if charted:
        lines += ["", "![CPU per query by server](results.svg)"]
    goals = goal_table(report.sections)
    if len(goals) > 2:
        lines += ["", "## Goals", "", *goals]
    for section in report.sections:
        lines += ["", f"## {section.title}", "", *section.lines]
    return lines
