"""The build of the compiled extensions: optional, unless somebody says otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def build(tmp_path: Path, **words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "setup.py", "build_ext"]
    command += ["--build-lib", str(tmp_path / "lib"), "--build-temp", str(tmp_path / "temp")]
    environment = {**os.environ, "RRDNS_NATIVE": "", "CC": str(tmp_path / "no-compiler"), **words}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.parametrize("word", ["", "auto"])
def test_without_a_compiler_the_build_goes_on(tmp_path: Path, word: str) -> None:
    done = build(tmp_path, RRDNS_NATIVE=word)
    assert done.returncode == 0, done.stderr
    assert 'building extension "rrdns.table._native" failed' in done.stdout + done.stderr
    assert not list(tmp_path.rglob("*.so"))


def test_a_build_that_is_required_fails_without_a_compiler(tmp_path: Path) -> None:
    done = build(tmp_path, RRDNS_NATIVE="require")
    assert done.returncode != 0
    assert "no-compiler" in done.stdout + done.stderr


def test_nothing_is_built_where_it_is_to_be_skipped(tmp_path: Path) -> None:
    done = build(tmp_path, RRDNS_NATIVE="skip")
    assert done.returncode == 0, done.stderr
    assert "extension" not in done.stdout + done.stderr


def test_another_word_is_an_error(tmp_path: Path) -> None:
    done = build(tmp_path, RRDNS_NATIVE="maybe")
    assert done.returncode != 0
    assert "RRDNS_NATIVE is 'maybe', and neither auto, require nor skip" in done.stderr
