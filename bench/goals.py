"""What rrdns aims at, beside what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.report import Section


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and the most (or, with `at_least`, the least) that it should be.

    `figure` is a section's key, a dot, and the figure's name there. A figure is printed with
    `unit` behind it and `digits` after the point.
    """

    work: str
    figure: str
    limit: float
    unit: str = ""
    digits: int = 2
    at_least: bool = False

    def shown(self, value: float) -> str:
        """Return a value of this figure as text."""
        return f"{value:,.{self.digits}f}{self.unit}"

    def is_met(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit


def _by_others(work: str, key: str, subject: str, limits: Mapping[str, float]) -> list[Goal]:
    return [
        Goal(f"{work}: CPU per query by {name}'s", f"{key}.{subject}/{name}", limit, " x")
        for name, limit in limits.items()
    ]


def _failover(event: str, kind: str, limit_seconds: float) -> list[Goal]:
    return [
        Goal(f"node {event}: out, longest", f"failover.out/{kind}/rrdns", limit_seconds, " s", 1),
        Goal("its return: back, longest", f"failover.back/{kind}/rrdns", 6.0, " s", 1),
    ]


_MIX = {"gdnsd": 1.0, "nsd": 0.85, "knot": 0.92, "bind": 0.6, "powerdns": 0.02, "echo": 1.2}
_PYTHON = {"nsd": 1.6}
_DOMAINS = {"gdnsd": 0.95, "nsd": 0.8, "knot": 0.85}
_TCP = {"nsd": 1.0, "knot": 1.0, "gdnsd": 1.0}

GOALS: Sequence[Goal] = (
    *_by_others("five queries over UDP, native", "mix", "rrdns", _MIX),
    *_by_others("the same by dnsperf, native", "closed", "rrdns", _MIX),
    *_by_others("five queries over UDP, Python", "mix", "rrdns-python", _PYTHON),
    *_by_others("the same by dnsperf, Python", "closed", "rrdns-python", _PYTHON),
    *_by_others("100,000 domains, random MX, native", "domains", "rrdns", _DOMAINS),
    Goal("100,000 domains: start by the fastest other's", "domains.start", 1.0, " x"),
    Goal("100,000 domains: memory by the smallest other's", "domains.memory", 1.0, " x"),
    Goal("100,000 domains: start", "domains.start_seconds", 1.0, " s"),
    Goal("1,000,000 domains: file to answering", "million.start_seconds", 3.0, " s"),
    Goal("1,000,000 domains: the whole process", "million.megabytes", 250, " MB", 0),
    Goal("1,000,000 domains: octets each beyond the names", "million.octets", 64, "", 0),
    Goal("random MX over 1,000,000 domains by that over one", "million.ratio", 1.3, " x"),
    Goal("1,000,000 domains: memory after the reloads by before", "million.growth", 1.05, " x"),
    Goal("two loops on two cores: rate by one loop's", "loops.ratio", 1.7, " x", at_least=True),
    *_by_others("TCP, 100 under way, written together, native", "tcp100", "rrdns", _TCP),
    *_by_others("TCP, 10 under way, written together, native", "tcp10", "rrdns", _TCP),
    Goal("verdict to first changed answer", "publish.verdict_ms", 5.0, " ms"),
    Goal("p99 at half of the maximum rate by NSD's", "latency.p99/nsd", 1.0, " x"),
    Goal("good answers beside a flood of misses", "misses.kept/rrdns", 0.9, " x", at_least=True),
    *_failover("process dies", "death", 4.0),
    *_failover("greets with 421", "refusal", 4.0),
    *_failover("host is silent", "silence", 8.0),
    *_failover("process is stopped", "stop", 25.0),
)


def goal_table(sections: Sequence[Section]) -> list[str]:
    """Return the lines of a Markdown table: each goal that these sections measured."""
    figures = {
        f"{section.key}.{name}": value
        for section in sections
        for name, value in section.figures.items()
    }
    lines = ["| work | goal | measured | |", "|---|--:|--:|---|"]
    for goal in GOALS:
        if goal.figure not in figures:
            continue
        value = figures[goal.figure]
        bound = (">= " if goal.at_least else "<= ") + goal.shown(goal.limit)
        verdict = "met" if goal.is_met(value) else "**missed**"
        lines.append(f"| {goal.work} | {bound} | {goal.shown(value)} | {verdict} |")
    return lines
