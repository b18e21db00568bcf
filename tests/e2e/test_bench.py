"""The benchmark runs and has a line for every server; its figures are for machines at rest."""

import re
import subprocess
import sys

from support.programs import require_program


def test_the_benchmark_measures_every_server_that_is_installed() -> None:
    require_program("dnsperf")
    for program in ("nsd", "knotd", "gdnsd", "named"):
        require_program(program)
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--rounds", "1", "--seconds", "0.5", "--rate", "2000"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (\w+) \| ([\d,]+) \|.*\| ([\d.]+) \|$", done.stdout, re.MULTILINE)
    servers = ["rrdns", "nsd", "knot", "gdnsd", "bind"]
    assert [name for name, _, _ in rows] == servers * 2
    assert all(int(answered.replace(",", "")) > 500 for _, answered, _ in rows)
    assert all(float(ratio) > 0 for _, _, ratio in rows)
