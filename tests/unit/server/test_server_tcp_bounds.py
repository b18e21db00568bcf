import asyncio

import pytest
from support.tables import TCP4, ask, expected, rcode
from support.tcp_stage import (
    MX1,
    STRANGERS,
    Stage,
    big_snapshot,
    framed,
    is_cut,
    message,
    opened,
    staged,
)

from rrdns.rrtypes import NOERROR
from rrdns.server import tcp as tcp_module
from rrdns.server.tcp import _client
from rrdns.settings import Limits

# --- bounds -----------------------------------------------------------------------------------


def test_a_client_that_never_reads_is_bounded_and_cut() -> None:
    async def body(stage: Stage) -> None:
        _, writer = await stage.connect(receive_octets=4096)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        queries = framed(*[ask("big.example.com.", "TXT")] * 1500)
        assert len(queries) < 65536
        for _ in range(50):
            writer.write(queries)
        (connection,) = await opened(stage, 1)
        held = 0
        while stage.server.connections:
            held = max(held, connection._transport.get_write_buffer_size())
            assert len(connection._pending) <= 2 * 65538
            await asyncio.sleep(0.01)
        assert 65536 < held <= 65536 + 2 * 65537
        assert stage.server.dropped == {"tcp_idle": 1}

    limits = Limits(exempt=(), tcp_idle_timeout_seconds=0.3)
    staged(body, limits=limits, snapshot=big_snapshot(200))


def test_a_slow_reader_gets_everything() -> None:
    snapshot = big_snapshot(200)
    packet = ask("big.example.com.", "TXT")
    wanted = expected(packet, snapshot, TCP4)

    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect(receive_octets=4096)
        writer.write(framed(*[packet] * 400))
        writer.write_eof()
        for _ in range(400):
            assert await message(reader) == wanted
        assert await reader.read() == b""

    staged(body, snapshot=snapshot)


def test_idle_connections_are_cut_and_busy_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_module, "_SWEEP_SECONDS", 0.05)

    async def body(stage: Stage) -> None:
        silent, _ = await stage.connect()
        dripping, drips = await stage.connect()
        await opened(stage, 2)
        stage.server.set_limits(Limits(exempt=(), tcp_idle_timeout_seconds=0.5))
        ended = asyncio.gather(silent.read(), dripping.read(), return_exceptions=True)
        # A byte now and then is no activity.
        while not ended.done():
            drips.write(b"\0")
            await asyncio.sleep(0.02)
        assert not stage.server.connections
        assert stage.server.dropped == {"tcp_idle": 2}
        stage.server.set_limits(STRANGERS)
        busy, writer = await stage.connect()
        writer.write(framed(ask(MX1)))
        await message(busy)
        assert len(stage.server._open) == 1

    staged(body)


def test_at_the_limit_the_longest_idle_one_is_closed() -> None:
    async def body(stage: Stage) -> None:
        peers = []
        for count in range(1, 4):
            peers.append(await stage.connect())
            await opened(stage, count)
        # The first has done something since, so the second is idle for the longest time.
        peers[0][1].write(framed(ask(MX1)))
        await message(peers[0][0])
        fresh, writer = await stage.connect()
        writer.write(framed(ask(MX1)))
        await message(fresh)
        assert await is_cut(peers[1][0])
        for reader, writer in (peers[0], peers[2]):
            writer.write(framed(ask(MX1)))
            assert rcode(await message(reader)) == NOERROR
        assert stage.server.connections == 3
        dropped = stage.server.dropped["tcp_limit"]
        assert dropped == 1
        stage.server.set_limits(Limits(exempt=(), tcp_connections=1))
        _, writer = await stage.connect()
        await stage.until(lambda: stage.server.connections == 1, "the lower limit")
        await stage.until(lambda: stage.server.dropped["tcp_limit"] == 4, "three to be cut")

    staged(body, limits=Limits(exempt=(), tcp_connections=3))


def test_one_client_has_its_share() -> None:
    async def body(stage: Stage) -> None:
        first, second = await stage.connect(), await stage.connect()
        await opened(stage, 2)
        third, _ = await stage.connect()
        assert await is_cut(third)
        assert stage.server.dropped == {"tcp_client_limit": 1}
        other, writer = await stage.connect("127.0.0.2")
        writer.write(framed(ask(MX1)))
        assert rcode(await message(other)) == NOERROR
        first[1].close()
        await stage.until(lambda: stage.server.connections == 2, "one closed")
        again, writer = await stage.connect()
        writer.write(framed(ask(MX1)))
        assert rcode(await message(again)) == NOERROR
        del second

    staged(body, limits=Limits(exempt=(), tcp_connections_per_client=2))


def test_exempt_networks_have_no_share() -> None:
    async def body(stage: Stage) -> None:
        for _ in range(5):
            reader, writer = await stage.connect()
            writer.write(framed(ask(MX1)))
            assert rcode(await message(reader)) == NOERROR
        assert stage.server.connections == 5
        assert not stage.server.dropped

    staged(body, limits=Limits(exempt=("::1/128", "127.0.0.0/8"), tcp_connections_per_client=1))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:ff::1", "2001:db8::2", True),
        ("2001:db8:0:100::1", "2001:db8::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_56(one: str, other: str, same: bool) -> None:
    assert (_client(one) == _client(other)) == same
