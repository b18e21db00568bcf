"""Starts that cannot be: each is one clear line and a failure."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from support.asking import Dig
from support.programs import require_program
from support.serving import rrdns, serving

ADDRESSES = {"192.0.2.11", "192.0.2.21"}


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_a_busy_port_is_one_clear_line(path: Path, port: int, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        _refuses(rrdns("-c", str(path), "serve"), f"127.0.0.1:{port}")


def test_a_second_server_on_the_same_port_is_one_clear_line(path: Path, port: int) -> None:
    with serving(path):
        other = path.with_name("other.yaml")
        other.write_text(path.read_text().replace("control.sock", "other.sock"))
        _refuses(rrdns("-c", str(other), "serve"), f"127.0.0.1:{port}")
        assert Dig("127.0.0.1", port).addresses("mx1.example.com") == ADDRESSES


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    missing = tmp_path / "nothere.yaml"
    _refuses(rrdns("-c", str(missing), "serve"), str(missing))
    checked = rrdns("-c", str(missing), "check-config")
    _refuses(checked, str(missing))
    assert checked.returncode == 2


def test_an_unreadable_file_is_one_clear_line(path: Path) -> None:
    path.chmod(0)
    prefix: list[str] = []
    if os.geteuid() == 0:
        # Root reads every file; without its capabilities it does not read another user's.
        os.chown(path, 65534, 65534)
        setpriv = require_program("setpriv")
        prefix = [setpriv, "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--"]
    _refuses(rrdns("-c", str(path), "serve", prefix=prefix), str(path))
    checked = rrdns("-c", str(path), "check-config", prefix=prefix)
    _refuses(checked, str(path))
    assert checked.returncode == 2


def test_a_missing_directory_of_the_control_socket_is_one_clear_line(path: Path) -> None:
    missing = path.parent / "nothere"
    path.write_text(path.read_text().replace(f"{path.parent}/control", f"{missing}/control"))
    _refuses(rrdns("-c", str(path), "serve"), str(missing))


def test_a_missing_domain_file_is_one_clear_line(path: Path) -> None:
    path.write_text(path.read_text().replace("names: [customer.test]", "file: nothere/domains.txt"))
    _refuses(rrdns("-c", str(path), "serve"), str(path.parent / "nothere/domains.txt"))


def _refuses(done: subprocess.CompletedProcess[str], about: str) -> None:
    """A program that cannot start says so in one line that names the cause, and fails."""
    lines = [line for line in done.stderr.splitlines() if line]
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len([line for line in lines if about in line]) == 1, done.stderr
    assert len(lines) == 1, done.stderr
