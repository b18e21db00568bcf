"""The benchmark runs and has a line for every server; its figures are for machines at rest."""

import re
import subprocess
import sys

import pytest
from support.programs import require_program

SERVERS = ["rrdns", "nsd", "knot", "gdnsd", "bind"]


def _bench(*scenarios: str) -> str:
    require_program("dnsperf")
    for program in ("nsd", "knotd", "gdnsd", "named"):
        require_program(program)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench", "--rounds", "1", "--seconds", "0.5"),
            # So many that each server takes several ticks of CPU time, which is what is counted.
            *("--rate", "20000", "--flood", "5000", "--scenario", *scenarios),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("scenarios", "tables", "servers"),
    [
        (("closed", "fixed", "nxdomain"), 3, SERVERS),
        (("tcp",), 4, SERVERS),
        (("limits",), 1, ["off", "on, client exempt", "on, nothing over"]),
    ],
)
def test_every_server_is_measured(
    scenarios: tuple[str, ...], tables: int, servers: list[str]
) -> None:
    output = _bench(*scenarios)
    rows = re.findall(r"^\| ([\w, ]+) \| ([\d,]+) \|.*\| ([\d.]+) \|$", output, re.MULTILINE)
    assert [name for name, _, _ in rows] == servers * tables
    assert all(int(answered.replace(",", "")) > 300 for _, answered, _ in rows)
    assert all(float(ratio) > 0 for _, _, ratio in rows)


def test_good_answers_are_measured_beside_a_flood_of_misses() -> None:
    rows = re.findall(r"^\| (\w+) \| (no|yes) \| ([\d,]+) \|", _bench("misses"), re.MULTILINE)
    assert [(name, kind) for name, kind, _ in rows] == [
        (name, kind) for name in SERVERS for kind in ("no", "yes")
    ]
    assert all(int(answered.replace(",", "")) > 300 for _, _, answered in rows)
