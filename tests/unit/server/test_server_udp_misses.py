"""Misses of the UDP loop: they wait behind the hits, and only so many of them."""

import logging
import socket
from dataclasses import replace
from typing import Any

import pytest
from support.tables import ask, expected, opt, rcode
from support.udp_stage import DEADLINE_SECONDS, MX1, SNAPSHOT, MakeLoop, client
from support.waiting import wait_until

from rrdns.rrtypes import ANY, NOERROR, SERVFAIL
from rrdns.server import misses as misses_module
from rrdns.server.udp import BATCH, MAX_WAITING
from rrdns.table.compiler import compile_table

MISS = ask(MX1, ANY)


def idents(asker: socket.socket, count: int) -> list[int]:
    return [int.from_bytes(asker.recv(4096)[:2], "big") for _ in range(count)]


def numbered(packet: bytes, ident: int) -> bytes:
    return ident.to_bytes(2, "big") + packet[2:]


def test_hits_overtake_misses_and_misses_keep_their_order(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    with client(port) as asker:
        for ident in range(10):
            asker.send(numbered(MISS if ident < 5 else ask(MX1), ident))
        loop.start()
        assert idents(asker, 10) == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
    assert loop.misses.count == 5


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53"])
def test_a_miss_is_answered_from_where_it_was_asked(make_loop: MakeLoop, address: str) -> None:
    loop, port = make_loop("0.0.0.0")
    loop.start()
    with client(port, address) as asker:
        for turn in range(3):
            asker.send(MISS)
            assert asker.recv(4096) == expected(MISS, SNAPSHOT, turn=turn)


def test_a_miss_over_ipv6(make_loop: MakeLoop) -> None:
    for bound_to in ("::1", "::"):
        loop, port = make_loop(bound_to)
        loop.start()
        with client(port, "::1") as asker:
            asker.send(MISS)
            assert asker.recv(4096) == expected(MISS, SNAPSHOT)


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    too_many = 3 * BATCH
    count = MAX_WAITING + too_many
    with client(port) as asker:
        for ident in range(count):
            asker.send(numbered(MISS, ident))
        # Each turn queues a batch and answers one miss.
        turns = count // BATCH
        for _ in range(turns):
            loop.turn()
        assert loop.waiting <= MAX_WAITING
        dropped = loop.dropped["miss_queue"]
        assert too_many - turns <= dropped <= too_many
        loop.start()
        found = idents(asker, count - dropped)
    assert found == sorted(found)
    assert found[0] == 0
    assert loop.misses.count == count - dropped
    assert loop.dropped == {"miss_queue": dropped}


def test_a_turn_makes_so_many_cookies_and_the_rest_are_misses(make_python_loop: MakeLoop) -> None:
    snapshot = replace(SNAPSHOT, cookie_secrets=(bytes(16),))
    loop, port = make_python_loop(table=compile_table(snapshot, 1))
    count = BATCH
    with client(port) as asker:
        for ident in range(count):
            option = b"\0\x0a\0\x08" + ident.to_bytes(8, "big")
            asker.send(ask(MX1, tail=opt(options=option), ident=ident))
        loop.turn()
        waiting = loop.waiting
        assert 0 < waiting < count
        loop.start()
        assert sorted(idents(asker, count)) == list(range(count))
    # One of the misses was answered in the first turn.
    assert loop.misses.count == waiting + 1
    assert sum(loop.executor.answered().values()) == count - loop.misses.count


def test_a_full_queue_keeps_no_hit_waiting(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    with client(port) as flood, client(port) as asker:
        for _ in range(2 * MAX_WAITING):
            flood.send(MISS)
        for _ in range(2 * MAX_WAITING // BATCH):
            loop.turn()
        asker.send(ask(MX1, ident=7))
        before = loop.misses.count
        loop.turn()
        assert idents(asker, 1) == [7]
        assert loop.misses.count == before + 1


def test_stop_answers_the_misses_that_wait(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    count = 100
    with client(port) as asker:
        for ident in range(count):
            asker.send(numbered(MISS, ident))
        loop.start()
        loop.stop()
        asker.setblocking(False)
        assert idents(asker, count) == list(range(count))


def test_what_cannot_be_answered_by_the_responder_is_servfail(
    make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(*_arguments: object, **_more: object) -> bytes:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(misses_module, "respond_to", faulty)
    loop, port = make_loop()
    loop.start()
    with caplog.at_level(logging.ERROR), client(port) as asker:
        asker.send(MISS)
        assert rcode(asker.recv(4096)) == SERVFAIL
    assert MISS.hex() in caplog.text


def test_a_fault_behind_the_responder_costs_one_answer(
    make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop, port = make_loop()
    answer = loop.misses.answer

    def faulty(packet: bytes, *more: Any) -> bytes | None:
        if packet[1] == 1:
            raise RuntimeError("a fault of ours")
        return answer(packet, *more)

    monkeypatch.setattr(loop.misses, "answer", faulty)
    with caplog.at_level(logging.ERROR), client(port) as asker:
        for ident in range(3):
            asker.send(numbered(MISS, ident))
        loop.start()
        assert idents(asker, 2) == [0, 2]
        wait_until(lambda: loop.dropped == {"error": 1}, DEADLINE_SECONDS, "the fault to count")


def test_a_miss_that_gets_no_reply_is_silence(make_loop: MakeLoop) -> None:
    loop, port = make_loop()
    loop.start()
    with client(port) as asker:
        asker.send(b"\0" * 11)
        asker.send(MISS[:2] + b"\x80" + MISS[3:])
        asker.send(MISS)
        assert rcode(asker.recv(4096)) == NOERROR
    assert loop.dropped == {"short": 1, "response": 1}
