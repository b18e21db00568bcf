import ctypes
import errno
import logging
import socket
import struct
import threading
from contextlib import ExitStack

import pytest
from support.ports import free_port
from support.programs import missing
from support.tables import ask, expected, first_address, rcode
from support.udp_stage import CONFIG, DEADLINE_SECONDS, MX1, SNAPSHOT, TABLE, MakeLoop, client
from support.waiting import wait_until

from rrdns.rrtypes import NOERROR, REFUSED
from rrdns.server import mmsg, udp
from rrdns.server.mmsg import DATAGRAM_OCTETS, Batch
from rrdns.server.udp import BATCH
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Family, Health

SERVER1_DOWN = {target.key: Health.DOWN for target in CONFIG.targets if "11" in target.address}


def test_answers(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    loop.start()
    with client(port) as asker:
        for name, rrtype in (("mx1.example.com.", "A"), ("alias.example.com.", "CNAME")):
            asker.send(ask(name, rrtype))
            assert asker.recv(4096) == expected(ask(name, rrtype), SNAPSHOT)
        asker.send(ask("www.customer.test."))
        assert rcode(asker.recv(4096)) == NOERROR
    assert loop.misses.count == 1


def test_more_than_a_batch_is_answered_whole(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    count = 3 * BATCH + 5
    with client(port) as asker:
        for ident in range(count):
            asker.send(ask(MX1, ident=ident))
        loop.start()
        idents = [int.from_bytes(asker.recv(4096)[:2], "big") for _ in range(count)]
    assert idents == list(range(count))


def test_replies_of_a_batch_go_to_who_asked(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    with ExitStack() as stack:
        askers = [stack.enter_context(client(port)) for _ in range(20)]
        for ident, asker in enumerate(askers):
            asker.send(b"silence" if ident % 3 == 0 else ask(MX1, ident=ident))
        loop.start()
        for ident, asker in enumerate(askers):
            if ident % 3:
                assert asker.recv(4096)[:2] == ident.to_bytes(2, "big")
        wait_until(lambda: loop.dropped.get("short") == 7, DEADLINE_SECONDS, "the silence")
        for asker in askers:
            asker.setblocking(False)
            with pytest.raises(BlockingIOError):
                asker.recv(1)


def test_datagrams_of_odd_sizes(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    loop.start()
    with client(port) as asker:
        asker.send(b"")
        asker.send(ask(MX1) + bytes(DATAGRAM_OCTETS))
        asker.send(bytes(60_000))
        whole = ask(MX1, "TXT")
        asker.send(whole + bytes(DATAGRAM_OCTETS - len(whole)))
        assert rcode(asker.recv(4096)) == 1
        asker.send(ask("elsewhere.net."))
        assert rcode(asker.recv(4096)) == REFUSED
    assert loop.dropped == {"oversized": 2, "short": 1}


def raw_datagram(source_port: int, port: int, payload: bytes) -> bytes:
    return struct.pack("!4H", source_port, port, 8 + len(payload), 0) + payload


def test_a_client_that_cannot_be_answered_holds_up_nobody(make_loop: MakeLoop) -> None:
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        missing("raw sockets need CAP_NET_RAW")
    loop, port = make_loop()
    with raw, client(port) as asker:
        asker.send(ask(MX1, ident=1))
        raw.sendto(raw_datagram(0, port, ask(MX1, ident=2)), ("127.0.0.1", 0))
        asker.send(ask(MX1, ident=3))
        loop.start()
        assert [asker.recv(4096)[:2] for _ in range(2)] == [b"\0\1", b"\0\3"]
    assert loop.dropped == {"send_error": 1}


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "127.1.2.3"])
def test_a_wildcard_socket_replies_from_the_address_that_was_asked(
    make_loop: MakeLoop, address: str
) -> None:
    loop, port = make_loop("0.0.0.0", free_port())
    loop.start()
    with client(port, address) as asker:
        for _ in range(3):
            asker.send(ask(MX1))
            assert rcode(asker.recv(4096)) == NOERROR


def test_ipv6_too(make_loop: MakeLoop) -> None:
    for bound_to in ("::", "::1"):
        loop, port = make_loop(bound_to, free_port("::1"))
        loop.start()
        with client(port, "::1") as asker:
            asker.send(ask(MX1))
            assert rcode(asker.recv(4096)) == NOERROR
        assert loop.executor.answered() == {("A", NOERROR, 1): 1}


def test_only_a_link_local_source_keeps_its_interface() -> None:
    batch = Batch(3, Family.IPV6, wildcard=True)
    sources = ((b"\xfe\x80", True), (b"\xfe\xbf", True), (b"\xfe\xc0", False))
    controls = batch._controls
    for index, (first, _) in enumerate(sources):
        control = b"h" * 16 + first + bytes(14) + b"\7\0\0\0"
        controls[index * 64 : index * 64 + len(control)] = control
    batch.clear_interfaces(3)
    assert [controls[index * 64 + 32] == 7 for index in range(3)] == [kept for _, kept in sources]
    batch = Batch(1, Family.IPV4, wildcard=True)
    batch._controls[:28] = b"h" * 16 + b"\7\0\0\0" + b"source00"
    batch.clear_interfaces(1)
    assert batch._controls[:28].tobytes() == b"h" * 16 + bytes(4) + b"source00"


# --- living -----------------------------------------------------------------------------------


def test_stop_answers_what_has_arrived(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    count = 10 * BATCH
    with client(port) as asker:
        for ident in range(count):
            asker.send(ask(MX1, ident=ident))
        loop.start()
        loop.stop()
        asker.setblocking(False)
        assert [asker.recv(4096)[:2] for _ in range(count)][-1] == (count - 1).to_bytes(2, "big")
    assert loop.executor.answered() == {("A", NOERROR, 0): count}
    loop.stop()


def test_stop_comes_to_an_end_under_a_flood(
    make_python_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, _ = make_python_loop()
    # Each receive finds a query, as in a flood.
    monkeypatch.setattr(loop.loop, "_turn", lambda flags: True)
    monkeypatch.setattr(udp, "_DRAIN_SECONDS", 0.05)
    loop.start()
    loop.stop()
    assert not loop.runs


def test_an_idle_loop_makes_progress_and_stops(make_loop: MakeLoop) -> None:
    loop, _ = make_loop()
    loop.start()
    wait_until(lambda: loop.progress >= 2, DEADLINE_SECONDS, "progress without a query")
    loop.stop()
    progress = loop.progress
    assert not loop.runs
    assert loop.progress == progress


def test_a_loop_that_never_started_stops(make_loop: MakeLoop) -> None:
    loop, _ = make_loop()
    loop.stop()


def test_tables_change_under_load_and_no_query_is_lost(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    loop.start()
    queries = 2000
    done = threading.Event()
    tables = [compile_table(make_snapshot(CONFIG, SERVER1_DOWN), 2, TABLE), TABLE]

    def publish() -> None:
        number = 0
        while not done.is_set():
            loop.publish(tables[number % 2])
            number += 1

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        with client(port) as asker:
            for ident in range(queries):
                asker.send(ask(MX1, ident=ident))
                reply = asker.recv(4096)
                assert reply[:2] == ident.to_bytes(2, "big")
                assert first_address(reply)[-1] in (11, 21, 31)
    finally:
        done.set()
        publisher.join()
    assert sum(loop.executor.leads().values()) == queries


def test_what_was_published_before_a_query_answers_it(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    loop.start()
    down = compile_table(make_snapshot(CONFIG, SERVER1_DOWN), 2, TABLE)
    with client(port) as asker:
        for table in (down, TABLE) * 5:
            loop.publish(table)
            for rrtype in ("A", "ANY"):
                asker.send(ask(MX1, rrtype))
                reply = asker.recv(4096)
                assert reply[7] == (2 if table is down else 3)
    assert loop.misses.snapshot is TABLE.snapshot


# --- faults -----------------------------------------------------------------------------------


def test_a_fault_costs_one_query_its_answer(
    make_python_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop, port = make_python_loop()
    execute = loop.executor.execute

    def faulty(packet: bytes, slot: int, client: bytes) -> bytes | None:
        if packet[:2] in (b"\0\2", b"\0\3"):
            raise RuntimeError("a fault of ours")
        return execute(packet, slot, client)

    monkeypatch.setattr(loop.executor, "execute", faulty)
    with caplog.at_level(logging.ERROR), client(port) as asker:
        for ident in range(6):
            asker.send(ask(MX1, ident=ident))
        loop.start()
        assert [asker.recv(4096)[1] for _ in range(4)] == [0, 1, 4, 5]
    assert loop.dropped == {"error": 2}
    assert len(caplog.records) == 1
    assert ask(MX1, ident=2).hex() in caplog.text


def test_an_interrupted_send_is_repeated(
    make_python_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, port = make_python_loop()
    send = mmsg._sendmmsg
    codes = [errno.EINTR, errno.ENOBUFS]

    def failing(*arguments: int) -> int:
        if codes:
            ctypes.set_errno(codes.pop(0))
            return -1
        sent: int = send(*arguments)
        return sent

    monkeypatch.setattr(mmsg, "_sendmmsg", failing)
    with client(port) as asker:
        for ident in range(3):
            asker.send(ask(MX1, ident=ident))
        loop.start()
        assert [asker.recv(4096)[1] for _ in range(2)] == [1, 2]
    assert loop.dropped == {"send_error": 1}


def test_errors_of_receiving_are_counted(
    make_python_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, port = make_python_loop()
    receive = mmsg._recvmmsg
    codes = [errno.ECONNREFUSED, errno.EINTR, errno.ENOMEM]

    def failing(*arguments: int) -> int:
        if codes:
            ctypes.set_errno(codes.pop(0))
            return -1
        received: int = receive(*arguments)
        return received

    monkeypatch.setattr(mmsg, "_recvmmsg", failing)
    loop.start()
    with client(port) as asker:
        asker.send(ask(MX1))
        assert rcode(asker.recv(4096)) == NOERROR
    assert loop.dropped == {"receive_error": 2}
