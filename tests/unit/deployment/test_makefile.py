"""The Makefile: what its targets depend on, and that its help tells all of them."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[3]


def make(require_program: Callable[[str], str], *words: str) -> str:
    command = [require_program("make"), "--directory", str(ROOT), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout


def test_a_changed_source_of_an_extension_is_built_anew(
    require_program: Callable[[str], str],
) -> None:
    database = make(require_program, "--question", "--print-data-base", "setup")
    (needed,) = re.findall(r"^\.venv/\.installed: (.*)$", database, re.MULTILINE)
    sources = [
        path.relative_to(ROOT)
        for kind in ("pyx", "pxd", "pxi")
        for path in (ROOT / "rrdns").rglob(f"*.{kind}")
    ]
    assert {"pyproject.toml", "setup.py", *map(str, sources)} == set(needed.split())


def test_help_tells_every_target(require_program: Callable[[str], str]) -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
    told = re.findall(r"^make (\S+) +\S", make(require_program, "help"), re.MULTILINE)
    assert told == targets
    phony = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(" ".join(phony).split()) == set(targets)
