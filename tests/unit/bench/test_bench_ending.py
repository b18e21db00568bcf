"""Whoever ends a run of the benchmark ends what it started, too."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.ending import run

# Ends a sleeping child of its own when it is told to end, and says so.
ORDERLY = """\
import pathlib, subprocess, sys
from bench.ending import end_in_order
end_in_order()
child = subprocess.Popen(["sleep", "60"])
try:
    child.wait()
finally:
    child.kill()
    pathlib.Path(sys.argv[1]).write_text(str(child.wait()))
"""


def test_a_program_that_takes_too_long_is_told_to_end(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with pytest.raises(subprocess.TimeoutExpired):
        run([sys.executable, "-c", ORDERLY, str(told)], timeout_seconds=3.0)
    assert told.read_text() == "-9"


def test_output_and_errors_are_those_of_the_program() -> None:
    words = [sys.executable, "-c", "import sys; print('out'); sys.exit('bad')"]
    done = run(words, timeout_seconds=60.0)
    assert (done.returncode, done.stdout, done.stderr) == (1, "out\n", "bad\n")
