"""Misses over TCP: all connections together get so many a turn, and nobody waits behind them."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from support.tables import TCP4, ask, expected, opt
from support.tcp_stage import MX1, SNAPSHOT, Stage, framed, message, opened, staged

from rrdns.rrtypes import ANY
from rrdns.server import tcp as tcp_module
from rrdns.server import turns as turns_module

MISSES_A_TURN, MISSES_AT_ONCE = 4, 2
MISS = ask(MX1, ANY)


class Turns:
    """Counts the event loop's turns, and the misses that were answered in each."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.misses: Counter[int] = Counter()
        self.number = 0
        self._loop = asyncio.get_running_loop()
        answer = stage.server.misses.answer

        def counted(packet: bytes, slot: int, client: bytes, cookie_time: int) -> bytes | None:
            self.misses[self.number] += 1
            return answer(packet, slot, client, cookie_time)

        monkeypatch.setattr(stage.server.misses, "answer", counted)
        self._tick()

    def _tick(self) -> None:
        self.number += 1
        self._loop.call_soon(self._tick)


@pytest.fixture(autouse=True)
def _few_misses_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "MISSES_A_TURN", MISSES_A_TURN)
    monkeypatch.setattr(tcp_module, "MISSES_AT_ONCE", MISSES_AT_ONCE)


@pytest.mark.parametrize("connections", [1, 3, 10])
def test_all_connections_share_a_turn_s_misses(
    monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    each = 50

    async def body(stage: Stage) -> None:
        peers = [await stage.connect() for _ in range(connections)]
        await opened(stage, connections)
        turns = Turns(stage, monkeypatch)
        for _, writer in peers:
            writer.write(framed(*(ask(MX1, ANY, ident=ident) for ident in range(each))))
        for reader, _ in peers:
            for ident in range(each):
                assert (await message(reader))[:2] == ident.to_bytes(2, "big")
        assert sum(turns.misses.values()) == connections * each
        # The count begins anew within a turn, so that one may see the end of one count and another.
        assert max(turns.misses.values()) <= 2 * MISSES_A_TURN
        assert len(turns.misses) >= connections * each / (2 * MISSES_A_TURN)

    staged(body)


@pytest.mark.parametrize("rrtype", ["A", ANY], ids=["hit", "miss"])
def test_nobody_waits_for_the_misses_of_others(rrtype: str | int) -> None:
    flooding, each = 10, 500

    async def body(stage: Stage) -> None:
        floods = [await stage.connect() for _ in range(flooding)]
        reader, writer = await stage.connect()
        await opened(stage, flooding + 1)
        for _, flood in floods:
            flood.write(framed(*[MISS] * each))
        await stage.until(lambda: stage.server.misses.count, "the flood")
        before = stage.server.misses.count
        writer.write(framed(ask(MX1, rrtype)))
        await message(reader)
        # A hit needs a turn or two of the event loop, a miss so many that all had a share.
        turns = 2 * flooding * MISSES_AT_ONCE / MISSES_A_TURN + 20
        assert stage.server.misses.count - before < turns * MISSES_A_TURN < flooding * each / 2
        for flooded, _ in floods:
            for _ in range(each):
                await message(flooded)

    staged(body)


def test_cookies_are_made_a_few_a_turn() -> None:
    snapshot = replace(SNAPSHOT, cookie_secrets=(bytes(16),))
    count = 200

    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        options = [b"\0\x0a\0\x08" + ident.to_bytes(8, "big") for ident in range(count)]
        packets = [
            ask(MX1, tail=opt(options=option), ident=ident) for ident, option in enumerate(options)
        ]
        writer.write(framed(*packets))
        for ident in range(count):
            reply = await message(reader)
            assert reply[:2] == ident.to_bytes(2, "big")
            assert options[ident][4:] in reply
        assert stage.server.misses.count
        assert stage.server.executor.answered()

    staged(body, snapshot=snapshot)


def test_misses_and_hits_of_a_connection_keep_their_order() -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        # ANY is answered with the addresses, and turns them as A does.
        kinds = ("A", ANY, "MX", "AAAA")
        packets = [ask(MX1, rrtype, ident=7) for rrtype in kinds * 20]
        writer.write(framed(*packets))
        writer.write_eof()
        for number, packet in enumerate(packets):
            round_number, place = divmod(number, len(kinds))
            turn = 2 * round_number + place if place < 2 else round_number
            assert await message(reader) == expected(packet, SNAPSHOT, TCP4, turn)
        assert await reader.read() == b""

    staged(body)


def test_who_leaves_while_misses_wait_leaves_nothing_behind() -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(framed(*[MISS] * 500))
        await message(reader)
        writer.transport.abort()
        await stage.until(lambda: not stage.server.connections, "the end of the connection")
        assert stage.server.misses.count < 500
        reader, writer = await stage.connect()
        writer.write(framed(MISS))
        await message(reader)

    staged(body)


def test_close_does_not_wait_for_misses() -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(framed(*[MISS] * 500))
        await message(reader)
        await stage.server.close()
        assert not stage.server.connections
        await reader.read()

    staged(body)
