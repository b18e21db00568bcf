"""The demo's SMTP node as the program that it is."""

import contextlib
import signal
import smtplib
import socket
from functools import partial

import pytest
from support.verbs import NODE_ADDRESSES, SmtpNode, start_node
from support.waiting import wait_until


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def _refuses(address: str, port: int) -> bool:
    return not _listens(address, port)


@pytest.mark.parametrize("address", NODE_ADDRESSES)
def test_it_speaks_smtp_and_takes_no_mail(smtp_node: SmtpNode, address: str) -> None:
    with smtplib.SMTP(address, smtp_node.port, timeout=5) as client:
        assert client.ehlo("test")[0] == 250
        assert client.helo("test")[0] == 250
        assert client.mail("")[0] == 250
        assert client.rcpt("someone@customer.test")[0] == 550
        assert client.docmd("VRFY")[0] == 502


def test_signals_stop_it_and_start_it_again(smtp_node: SmtpNode) -> None:
    process, port = smtp_node
    with socket.create_connection((NODE_ADDRESSES[0], port), 5) as talk:
        talk.recv(100)
        process.send_signal(signal.SIGUSR1)
        for address in NODE_ADDRESSES:
            wait_until(partial(_refuses, address, port), 5, f"{address} closed")
        with contextlib.suppress(ConnectionResetError):
            assert talk.recv(100) == b""
    process.send_signal(signal.SIGUSR2)
    for address in NODE_ADDRESSES:
        wait_until(partial(_listens, address, port), 5, f"{address} open")


def test_it_ends_with_its_standard_input(smtp_node: SmtpNode) -> None:
    process, _ = smtp_node
    process.send_signal(signal.SIGINT)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


def test_a_busy_port_is_told_in_one_line() -> None:
    with socket.create_server((NODE_ADDRESSES[0], 0)) as owner:
        port = owner.getsockname()[1]
        with start_node("server1", str(port), *NODE_ADDRESSES) as process:
            output, _ = process.communicate(timeout=20)
            assert process.returncode == 1
    assert "address already in use" in output.lower()
    assert len(output.splitlines()) == 1
