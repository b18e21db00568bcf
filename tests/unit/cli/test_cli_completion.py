"""Completion: scripts that their shells accept, and the words that come up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.programs import require_program
from support.terminal import terminal
from support.verbs import Rrdns


def _complete(config_path: Path, *words: str) -> list[str]:
    """Return what bash would be offered for the last of the words."""
    env = {
        **os.environ,
        "_RRDNS_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["rrdns", *words]),
        "COMP_CWORD": str(len(words)),
        "RRDNS_CONFIG": str(config_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "rrdns"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_names_the_program_and_its_shell_accepts_it(
    rrdns: Rrdns, tmp_path: Path, shell: str
) -> None:
    result = rrdns("completion", shell)
    assert result.exit_code == 0
    assert "_RRDNS_COMPLETE" in result.stdout
    script = tmp_path / "script"
    script.write_text(result.stdout)
    subprocess.run([require_program(shell), "-n", str(script)], check=True, timeout=60)


def test_verbs_come_up(config_path: Path) -> None:
    assert _complete(config_path, "re") == ["reload", "records"]


def test_node_names_come_up_for_probe(config_path: Path) -> None:
    assert _complete(config_path, "probe", "server") == ["server1", "server2"]
    assert _complete(config_path, "probe", "-c", str(config_path), "server2") == ["server2"]


def test_what_can_be_overridden_comes_up_for_node(config_path: Path) -> None:
    text = config_path.read_text()
    own = "mx4: {addresses: [203.0.113.10]}"
    config_path.write_text(text.replace("mx1: {role", f"{own}\n      mx1: {{role", 1))
    assert _complete(config_path, "node", "d") == ["down"]
    assert _complete(config_path, "node", "down", "") == ["server1", "server2", "mx4.example.com"]
    assert _complete(config_path, "node", "auto", "server2/") == [
        "server2/primary",
        "server2/secondary",
    ]
    assert _complete(config_path, "node", "down", "server2/s") == ["server2/secondary"]
    assert _complete(config_path, "node", "down", "nobody/") == []


def test_a_broken_configuration_completes_to_nothing(config_path: Path) -> None:
    config_path.write_text("nodes: [")
    assert _complete(config_path, "probe", "s") == []
    assert _complete(config_path, "node", "down", "s") == []


def test_a_person_at_a_bash_gets_words_by_tab(rrdns: Rrdns, config_path: Path) -> None:
    bash = require_program("bash")
    script = config_path.with_name("completion.bash")
    script.write_text(rrdns("completion", "bash").stdout)
    # The shell has to find a program of that name, wherever the tests run from.
    program = config_path.with_name("rrdns")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m rrdns "$@"\n')
    program.chmod(0o755)
    env = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "HOME": str(program.parent),
        "TERM": "dumb",
        "PS1": "",
        "RRDNS_CONFIG": str(config_path),
    }
    typed = {
        "rrdns check\t": "rrdns check-config",
        "rrdns status --w\t": "rrdns status --watch",
        "rrdns records --format pl\t": "rrdns records --format plain",
        "rrdns probe server2\t": "rrdns probe server2",
        "rrdns node down server1/s\t": "rrdns node down server1/secondary",
    }
    with terminal([bash, "--norc", "--noprofile", "-i"], env) as shell:
        # Without the marks that readline writes around what could be pasted.
        shell.type(f"bind 'set enable-bracketed-paste off'; . {script}; echo sour''ced\r")
        shell.wait_for("\nsourced\r\n")
        for keys, wanted in typed.items():
            # Then to the start of the line, which becomes the argument of another command.
            shell.type(f"{keys}\x01echo '\x05'\r")
            shell.wait_for(f"\n{wanted} \r\n")
