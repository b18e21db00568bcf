"""The benchmark runs and has a line for every server; its figures are for machines at rest.

Its parts run at the same time here: most of each is waiting, and no figure matters.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.programs import missing, require_program

from bench.failover.run import lacking
from bench.servers.rrdns import NATIVE, PYTHON, native_is_built

RRDNS = [NATIVE, PYTHON] if native_is_built() else [PYTHON]
FEW = [RRDNS[0], "nsd"]
# scenarios -> how their sections' titles begin
PARTS = {
    "fixed nxdomain domains million": (
        "The same by dnsperf at 20,000 queries/s",
        "Random-subdomain flood: 5,000 names",
        "500 domains, random MX",
        "500 domains: start and memory",
        "5,000 domains, ",
    ),
    "misses tcp latency profile": (
        "Miss flood of 5,000 queries/s",
        "TCP, 4 connections, 100 under way on each, written together",
        "TCP, 4 connections, 10 under way on each, written together",
        "Latency at half of the highest rate",
        "What a profile shows",
    ),
    "loops publish probes": (
        "Two loops on two cores",
        "Publish after a change of health",
        "Probes of 200 SMTP targets every 1 s",
    ),
}
TIMEOUT_SECONDS = 110
# So many that each server takes several ticks of CPU time, which may be what counts.
QUICK = ("--quick", "--rounds", "1", "--seconds", "0.2", "--rate", "20000", "--flood", "5000")


@dataclass(frozen=True)
class Runs:
    """All runs of the benchmark by what they were asked for, and the directory of their results."""

    processes: "dict[str, subprocess.Popen[str]]"
    results: Path

    def output(self, name: str) -> str:
        """Return what a run printed; AssertionError with its complaints where it failed."""
        output, errors = self.processes[name].communicate(timeout=TIMEOUT_SECONDS)
        assert self.processes[name].returncode == 0, errors
        return output


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    for program in ("cc", "dnsperf", "nsd", "knotd", "gdnsd", "named", "pdns_server"):
        require_program(program)
    reason = lacking()
    if reason is not None:
        missing(f"the comparison of failovers takes {reason}")
    results = tmp_path_factory.mktemp("results")
    with ExitStack() as stack:
        started = {"mix": _started(stack, "bench", *QUICK, "--scenario", "mix")}
        for scenarios in PARTS:
            started[scenarios] = _started(
                *(stack, "bench", *QUICK, "--results", str(results / scenarios)),
                *("--only", *FEW, "--scenario", *scenarios.split()),
            )
        started["failover"] = _started(
            *(stack, "bench.failover", "--patience", "12", "--seconds", "0", "--repeats", "1"),
            *("--settle", "0.5", "--kinds", "death", "refusal", "--only", "rrdns", "gdnsd"),
        )
        yield Runs(started, results)


def _started(stack: ExitStack, module: str, *words: str) -> "subprocess.Popen[str]":
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    # Told to end, it ends its servers first.
    stack.callback(process.terminate)
    return process


def test_every_server_is_measured(runs: Runs) -> None:
    output = runs.output("mix")
    rows = re.findall(
        r"^\| ([\w-]+) \| ([\d,]+) \| [\d,]+ \| \d+% \| ([\d.]+) \|", output, re.MULTILINE
    )
    servers = ["echo", *RRDNS, "nsd", "knot", "gdnsd", "bind", "powerdns"]
    assert [name for name, _, _ in rows] == servers
    assert all(int(answered.replace(",", "")) > 10 for _, answered, _ in rows)
    assert all(float(cost) > 0 for _, _, cost in rows)
    assert "written: " not in output


@pytest.mark.parametrize("scenarios", PARTS)
def test_every_part_runs_and_is_in_the_results(runs: Runs, scenarios: str) -> None:
    assert "written: " in runs.output(scenarios)
    results = (runs.results / scenarios / "results.md").read_text()
    sections = dict(re.findall(r"^## (.*)\n\n((?:.*\n(?!## ))*)", results, re.MULTILINE))
    for title in PARTS[scenarios]:
        found = [body for heading, body in sections.items() if heading.startswith(title)]
        assert len(found) == 1, title
        assert re.search(r"^\| .*\d.* \|$", found[0], re.MULTILINE) or "perf" in found[0], title
    assert len(sections) == len(PARTS[scenarios]) + ("Goals" in sections)
    chart = runs.results / scenarios / "results.svg"
    assert chart.exists() == ("domains" in scenarios or "tcp" in scenarios)


def test_servers_are_watched_while_nodes_fail_and_return(runs: Runs) -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| (.*) \|$", runs.output("failover"), re.MULTILINE))
    seen = r"\d+\.\d \(\d+\.\d; 1\)"
    never = "not within 12 s"
    assert re.fullmatch(f"{seen} \\| {never}", rows["process dies (connections are refused): out"])
    assert re.fullmatch(f"{seen} \\| {never}", rows["greets with 421: out"])
