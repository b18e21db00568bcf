"""The program as a whole: help, version, and trouble that ends as one line."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.verbs import Rrdns

from rrdns import __version__
from rrdns.cli import VERBS
from rrdns.server.kinds import available

RRDNS = [sys.executable, "-m", "rrdns"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RRDNS, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_version(rrdns: Rrdns) -> None:
    assert rrdns("--version").stdout == f"rrdns {__version__} (executor {available()})\n"


def test_help_lists_every_verb_with_what_it_does(rrdns: Rrdns) -> None:
    lines = rrdns("--help").stdout.splitlines()
    for verb in VERBS:
        (line,) = [line for line in lines if line.startswith(f"  {verb} ")]
        assert line.endswith(".")


def test_the_help_has_examples(rrdns: Rrdns) -> None:
    _, _, rest = rrdns("--help").stdout.partition("Examples: ")
    examples = re.findall(r"rrdns ([\w-]+)", rest.partition("\n\n")[0])
    assert len(examples) == 3
    assert set(examples) <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(rrdns: Rrdns, verb: str) -> None:
    result = rrdns(verb, "--help")
    assert result.exit_code == 0
    assert re.search(rf"Examples?: rrdns {verb}\b", result.stdout)
    # The demo has a configuration of its own, import-zone makes one, completion needs none.
    without = ("demo", "import-zone", "completion")
    assert ("--config FILE" in result.stdout) is (verb not in without)


def test_an_unknown_verb_is_a_usage_error(rrdns: Rrdns) -> None:
    result = rrdns("serv")
    assert result.exit_code == 2
    assert "No such command 'serv'" in result.stderr


@pytest.mark.parametrize("verb", [("serve",), ("check-config",), ("status",), ("records",)])
def test_a_missing_configuration_is_one_line(tmp_path: Path, verb: tuple[str, ...]) -> None:
    path = tmp_path / "none.yaml"
    done = _run("-c", str(path), *verb)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert str(path) in line


def test_a_reader_that_goes_away_is_no_trouble(config_path: Path) -> None:
    command = [*RRDNS, "records", "-c", str(config_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_busy_port_ends_serve_with_one_line(config_path: Path, port: int) -> None:
    text = config_path.read_text().replace("127.0.0.1:5399", f"127.0.0.1:{port}")
    config_path.write_text("health: {check: none}\n" + text)
    with socket.create_server(("127.0.0.1", port)):
        done = _run("serve", "-c", str(config_path))
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
    assert len(lines) == 1
    assert f"127.0.0.1:{port}" in lines[0]
