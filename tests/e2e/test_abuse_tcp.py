"""Rude TCP clients and a real server: everything is bounded, and the others get their answers."""

import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from support.asking import Dig
from support.programs import missing
from support.tables import ask
from support.victim import ADDRESSES, Victim, framed, is_cut, message, steady, victim
from support.waiting import wait_until

from rrdns.rrtypes import ANY

MX1 = ask("mx1.example.com.", "A")
IDLE = 1000
# Fewer than there are connections; a shell often gives 1024 by default.
FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh")


@contextmanager
def many_descriptors(count: int) -> Iterator[None]:
    """Let this process open so many sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        missing(f"{count} open files are more than this user may have ({hard})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def opened(server: Victim, count: int, stack: ExitStack) -> list[socket.socket]:
    """Open so many connections; returns once the server has them all."""
    before = server.metric("rrdns_tcp_connections")
    found = [stack.enter_context(server.connect()) for _ in range(count)]
    wait_until(
        lambda: server.metric("rrdns_tcp_connections") == before + count, 20, "the connections"
    )
    return found


def answered(connection: socket.socket) -> bool:
    """Ask for mx1 and tell whether there was an answer."""
    connection.sendall(framed(MX1))
    return message(connection)[6:8] == b"\0\2"


@pytest.mark.parametrize("prefix", [(), FEW_DESCRIPTORS], ids=["", "few descriptors by default"])
def test_a_thousand_idle_connections_while_udp_goes_on(
    tmp_path: Path, prefix: tuple[str, ...]
) -> None:
    limits = "tcp_idle_timeout: 60s"
    with (
        many_descriptors(4 * IDLE),
        victim(tmp_path, limits, prefix) as server,
        ExitStack() as stack,
    ):
        idle = opened(server, IDLE, stack)
        assert max(steady(server.port, 200, 200)) < 1.0
        assert answered(idle[0])
        # One more than the limit in all: the longest idle one goes, and the newcomer is served.
        newcomers = [stack.enter_context(server.connect()) for _ in range(5)]
        assert all(map(answered, newcomers))
        assert all(map(is_cut, idle[1:6]))
        assert answered(idle[0])
        assert answered(idle[6])
        assert server.metric("rrdns_dns_dropped_total", reason="tcp_limit") == 5
        assert server.metric("rrdns_tcp_connections") == IDLE


def test_a_client_has_its_share(tmp_path: Path) -> None:
    with victim(tmp_path, "exempt: [], tcp_connections_per_client: 50") as server, ExitStack() as s:
        own = opened(server, 50, s)
        assert is_cut(s.enter_context(server.connect()))
        assert answered(s.enter_context(server.connect("127.0.0.2")))
        assert all(map(answered, own))
        assert server.metric("rrdns_dns_dropped_total", reason="tcp_client_limit") == 1


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A server that waits for a second."""
    with victim(tmp_path_factory.mktemp("impatient"), "tcp_idle_timeout: 1s") as running:
        yield running


def test_who_says_nothing_is_cut(impatient: Victim) -> None:
    with impatient.connect() as silent, impatient.connect() as busy:
        cut = threading.Thread(target=is_cut, args=(silent,))
        cut.start()
        while cut.is_alive():
            assert answered(busy)
            time.sleep(0.05)
        assert answered(busy)


def test_a_slow_writer_is_cut(impatient: Victim) -> None:
    with impatient.connect() as slow:
        begun = time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - begun < 20:
                slow.sendall(b"\1")
                time.sleep(0.05)
        assert time.monotonic() - begun < 10


def test_a_reader_that_does_not_read_is_cut(impatient: Victim) -> None:
    before = impatient.memory_bytes()
    queries = framed(*[ask("customer.test.", "MX")] * 1000)
    with impatient.connect(receive_octets=4096) as deaf:
        deaf.settimeout(1)
        with suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
            while True:
                deaf.sendall(queries)
        wait_until(
            lambda: impatient.metric("rrdns_tcp_connections") == 0, 20, "the end of the deaf one"
        )
    assert impatient.memory_bytes() - before < 4 * 1024 * 1024


def test_a_slow_reader_that_does_read_gets_everything(impatient: Victim) -> None:
    count = 4000
    with impatient.connect(receive_octets=4096) as slow:
        writer = threading.Thread(
            target=slow.sendall, args=(framed(*[ask("customer.test.", "MX")] * count),)
        )
        writer.start()
        for number in range(count):
            assert message(slow)[6:8] == b"\0\2"
            if number % 500 == 0:
                time.sleep(0.2)
        writer.join()


def test_thousands_of_queries_in_one_write_and_a_half_closed_connection(impatient: Victim) -> None:
    count = 5000
    with impatient.connect() as asker:
        kinds = ("A", "MX", ANY)
        packets = [ask("mx1.example.com.", kinds[ident % 3], ident=ident) for ident in range(count)]
        writer = threading.Thread(target=asker.sendall, args=(framed(*packets),))
        writer.start()
        for ident in range(count - 1):
            assert message(asker)[:2] == struct.pack("!H", ident)
        writer.join()
        asker.shutdown(socket.SHUT_WR)
        assert message(asker)[:2] == struct.pack("!H", count - 1)
        assert asker.recv(1) == b""


@pytest.mark.parametrize("lie", [0, 1, 11, 65535])
def test_a_length_that_lies_harms_nobody_else(impatient: Victim, lie: int) -> None:
    with impatient.connect() as liar, impatient.connect() as honest:
        liar.sendall(struct.pack("!H", lie) + MX1)
        assert answered(honest)
        # What follows is read as it stands, and what is never complete is cut.
        assert is_cut(liar)
        assert set(Dig("127.0.0.1", impatient.port)("mx1.example.com", "A", "+tcp").values) == (
            ADDRESSES
        )


def test_unfinished_messages_take_a_bounded_memory_that_is_given_back(impatient: Victim) -> None:
    count, octets = 400, 60_000
    part = struct.pack("!H", 65535) + bytes(octets)
    grown = []
    for _ in range(3):
        with ExitStack() as stack:
            before = impatient.memory_bytes()
            for _ in range(count):
                stack.enter_context(impatient.connect()).sendall(part)
            grown.append(impatient.memory_bytes() - before)
            wait_until(lambda: impatient.metric("rrdns_tcp_connections") == 0, 20, "all to be cut")
    assert max(grown) < count * octets * 1.5
    # The same memory serves the next ones.
    assert grown[2] < count * octets / 2
    assert max(steady(impatient.port, 100, 200)) < 1.0
