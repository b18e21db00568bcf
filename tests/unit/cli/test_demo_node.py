"""The demo's SMTP node as the program that it is."""

import contextlib
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest
from support.waiting import wait_until

ADDRESSES = ("127.0.3.1", "127.0.4.1")


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rrdns.demo.node", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def node() -> Iterator[tuple[subprocess.Popen[str], int]]:
    with _start("server1", "0", *ADDRESSES) as process:
        assert process.stdout is not None
        word, port = process.stdout.readline().split()
        assert word == "listening"
        yield process, int(port)
        process.kill()


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def _refuses(address: str, port: int) -> bool:
    return not _listens(address, port)


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_speaks_smtp_and_takes_no_mail(
    node: tuple[subprocess.Popen[str], int], address: str
) -> None:
    with smtplib.SMTP(address, node[1], timeout=5) as client:
        assert client.ehlo("test")[0] == 250
        assert client.helo("test")[0] == 250
        assert client.mail("")[0] == 250
        assert client.rcpt("someone@customer.test")[0] == 550
        assert client.docmd("VRFY")[0] == 502


def test_signals_stop_it_and_start_it_again(node: tuple[subprocess.Popen[str], int]) -> None:
    process, port = node
    with socket.create_connection((ADDRESSES[0], port), 5) as talk:
        talk.recv(100)
        process.send_signal(signal.SIGUSR1)
        for address in ADDRESSES:
            wait_until(partial(_refuses, address, port), 5, f"{address} closed")
        with contextlib.suppress(ConnectionResetError):
            assert talk.recv(100) == b""
    process.send_signal(signal.SIGUSR2)
    for address in ADDRESSES:
        wait_until(partial(_listens, address, port), 5, f"{address} open")


def test_it_ends_with_its_standard_input(node: tuple[subprocess.Popen[str], int]) -> None:
    process, _ = node
    process.send_signal(signal.SIGINT)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


def test_a_busy_port_is_told_in_one_line() -> None:
    with socket.create_server((ADDRESSES[0], 0)) as owner:
        port = owner.getsockname()[1]
        with _start("server1", str(port), *ADDRESSES) as process:
            output, _ = process.communicate(timeout=20)
            assert process.returncode == 1
    assert "address already in use" in output.lower()
    assert len(output.splitlines()) == 1
