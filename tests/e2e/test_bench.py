"""The benchmark runs and has a line for every server; its figures are for machines at rest."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.programs import missing, require_program

from bench.failover.run import lacking
from bench.servers.rrdns import NATIVE, PYTHON, native_is_built

RRDNS = [NATIVE, PYTHON] if native_is_built() else [PYTHON]
SERVERS = ["echo", *RRDNS, "nsd", "knot", "gdnsd", "bind", "powerdns"]
FEW = [RRDNS[0], "nsd"]
TITLES = (
    "The same by dnsperf at 20,000 queries/s",
    "Random-subdomain flood: 5,000 names",
    "500 domains, random MX",
    "500 domains: start and memory",
    "5,000 domains, ",
    "Miss flood of 5,000 queries/s",
    "TCP, 4 connections, 100 under way on each, written together",
    "TCP, 4 connections, 10 under way on each, written together",
    "Two loops on two cores",
    "Latency at half of the highest rate",
    "Publish after a change of health",
    "Probes of 200 SMTP targets every 1 s",
    "What a profile shows",
)


def _bench(module: str, *words: str) -> "subprocess.Popen[str]":
    require_program("cc")
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _output(process: "subprocess.Popen[str]") -> str:
    try:
        output, errors = process.communicate(timeout=110)
    except subprocess.TimeoutExpired:
        # It ends its servers then.
        process.terminate()
        raise
    assert process.returncode == 0, errors
    return output


def _quick(*words: str) -> str:
    require_program("dnsperf")
    # So many that each server takes several ticks of CPU time, which may be what counts.
    rates = ("--rounds", "1", "--seconds", "0.2", "--rate", "20000", "--flood", "5000")
    return _output(_bench("bench", "--quick", *rates, *words))


@pytest.fixture(scope="module")
def watching() -> Iterator["subprocess.Popen[str]"]:
    """Watch failing nodes while the other tests run: that waits most of the time."""
    require_program("gdnsd")
    reason = lacking()
    if reason is not None:
        missing(f"a network namespace takes {reason}")
    process = _bench(
        "bench.failover",
        *("--patience", "9", "--seconds", "0", "--repeats", "1", "--settle", "0.5"),
        *("--kinds", "death", "refusal", "--only", "rrdns", "gdnsd"),
    )
    with process:
        yield process
        process.terminate()


@pytest.mark.usefixtures("watching")
def test_every_server_is_measured() -> None:
    for program in ("nsd", "knotd", "gdnsd", "named", "pdns_server"):
        require_program(program)
    output = _quick("--scenario", "mix")
    rows = re.findall(
        r"^\| ([\w, -]+) \| ([\d,]+) \| [\d,]+ \| \d+% \| ([\d.]+) \|", output, re.MULTILINE
    )
    assert [name for name, _, _ in rows] == SERVERS
    assert all(int(answered.replace(",", "")) > 50 for _, answered, _ in rows)
    assert all(float(cost) > 0 for _, _, cost in rows)
    assert "written: " not in output


def test_every_part_runs_and_is_in_the_results(tmp_path: Path) -> None:
    require_program("nsd")
    parts = "fixed nxdomain domains million misses tcp loops latency publish probes profile"
    _quick("--results", str(tmp_path), "--only", *FEW, "--scenario", *parts.split())
    results = (tmp_path / "results.md").read_text()
    sections = dict(re.findall(r"^## (.*)\n\n((?:.*\n(?!## ))*)", results, re.MULTILINE))
    for title in TITLES:
        found = [body for heading, body in sections.items() if heading.startswith(title)]
        assert len(found) == 1, title
        assert re.search(r"\d", found[0]), title
    named = set(re.findall(r"^\| ([\w-]+) \|", sections[TITLES[6]], re.MULTILINE))
    assert named == {*FEW, "server"}
    assert NATIVE not in FEW or "| good answers beside a flood" in sections["Goals"]
    assert (tmp_path / "results.svg").read_text().startswith("<svg")


def test_servers_are_watched_while_nodes_fail_and_return(
    watching: "subprocess.Popen[str]",
) -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| (.*) \|$", _output(watching), re.MULTILINE))
    seen = r"\d\.\d \(\d\.\d; 1\)"
    never = "not within 9 s"
    assert re.fullmatch(f"{seen} \\| {never}", rows["process dies (connections are refused): out"])
    assert re.fullmatch(f"{seen} \\| {never}", rows["greets with 421: out"])
