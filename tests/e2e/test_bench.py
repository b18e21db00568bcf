"""The benchmark runs and has a line for every server; its figures are for machines at rest."""

import re
import subprocess
import sys

import pytest
from support.programs import require_program

from bench.servers.rrdns import NATIVE, PYTHON, native_is_built

RRDNS = [NATIVE, PYTHON] if native_is_built() else [PYTHON]
OTHERS = ["nsd", "knot", "gdnsd", "bind"]


def _bench(*scenarios: str) -> str:
    for program in ("dnsperf", "cc", "nsd", "knotd", "gdnsd", "named", "pdns_server"):
        require_program(program)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench", "--quick", "--rounds", "1", "--seconds", "0.3"),
            # So many that each server takes several ticks of CPU time, which may be what counts.
            *("--rate", "20000", "--flood", "5000", "--scenario", *scenarios),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "written: " not in done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("scenarios", "servers"),
    [
        (("mix", "closed"), 2 * ["echo", *RRDNS, *OTHERS, "powerdns"]),
        (("fixed", "nxdomain"), ["echo", *2 * [*RRDNS, *OTHERS]]),
        (("tcp", "tcpsingle"), 4 * [*RRDNS, *OTHERS]),
        (("limits",), ["off", "on, client exempt", "on, nothing over"]),
    ],
)
def test_every_server_is_measured(scenarios: tuple[str, ...], servers: list[str]) -> None:
    output = _bench(*scenarios)
    rows = re.findall(r"^\| ([\w, -]+) \| ([\d,]+) \| [\d,]+ \| ([\d.]+) \|", output, re.MULTILINE)
    assert [name for name, _, _ in rows] == servers
    assert all(int(answered.replace(",", "")) > 100 for _, answered, _ in rows)
    assert all(float(cost) > 0 for _, _, cost in rows)


def test_good_answers_are_measured_beside_a_flood_of_misses() -> None:
    rows = re.findall(r"^\| ([\w-]+) \| (no|yes) \| ([\d,]+) \|", _bench("misses"), re.MULTILINE)
    assert [(name, kind) for name, kind, _ in rows] == [
        (name, kind) for name in [*RRDNS, *OTHERS] for kind in ("no", "yes")
    ]
    assert all(int(answered.replace(",", "")) > 300 for _, _, answered in rows)
