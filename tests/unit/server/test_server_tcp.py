import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from support.tables import TCP4, TCP6, ask, configure, expected, rcode

from rrdns.model import RRset, Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import NOERROR, TXT
from rrdns.server import tcp as tcp_module
from rrdns.server.tcp import TcpServer, _client
from rrdns.settings import Limits
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot

SNAPSHOT = make_snapshot(configure(), {})
MX1 = from_text("mx1.example.com.")
DEADLINE_SECONDS = 60.0
STRANGERS = Limits(exempt=())

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Stage:
    """A server on a free port of loopback, and clients that are closed at its end."""

    def __init__(self, server: TcpServer, place: tuple[str, int]) -> None:
        self.server = server
        self.place = place
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, source: str | None = None, receive_octets: int = 0) -> Peer:
        sock = socket.socket(socket.AF_INET6 if ":" in self.place[0] else socket.AF_INET)
        sock.setblocking(False)
        if receive_octets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_octets)
        if source is not None:
            sock.bind((source, 0))
        try:
            await asyncio.get_running_loop().sock_connect(sock, self.place)
        except OSError:
            sock.close()
            raise
        reader, writer = await asyncio.open_connection(sock=sock)
        self._writers.append(writer)
        return reader, writer

    async def until(self, condition: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not condition():  # noqa: ASYNC110  (what is waited for has no event)
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"not in time: {what}") from None

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await self.server.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(
    limits: Limits = STRANGERS, snapshot: Snapshot = SNAPSHOT, address: str = "127.0.0.1"
) -> AsyncIterator[Stage]:
    server = TcpServer(limits, compile_table(snapshot, 1))
    listener = socket.create_server(
        (address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET
    )
    await server.start([(listener, TCP6 if ":" in address else TCP4)])
    stage = Stage(server, listener.getsockname()[:2])
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield stage
    finally:
        await stage.close()


def staged(body: Callable[[Stage], Coroutine[Any, Any, None]], **stage: Any) -> None:
    async def run() -> None:
        async with serving(**stage) as made:
            await body(made)

    asyncio.run(run())


def framed(*packets: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(packet)) + packet for packet in packets)


async def message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


async def is_cut(reader: asyncio.StreamReader) -> bool:
    with suppress(ConnectionResetError):
        return await reader.read() == b""
    return True


def big_snapshot(texts: int) -> Snapshot:
    """The snapshot with `texts` strings of 255 octets at big.example.com."""
    apex = from_text("example.com.")
    zone = SNAPSHOT.zones[apex]
    rrset = RRset(TXT, 60, tuple(b"\xff" + b"%0255d" % number for number in range(texts)))
    rrsets = {**zone.contents.rrsets, b"\3big": {TXT: rrset}}
    zone = replace(zone, contents=replace(zone.contents, rrsets=rrsets))
    return replace(SNAPSHOT, zones={**SNAPSHOT.zones, apex: zone})


# --- answering --------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "slot"), [("127.0.0.1", TCP4), ("::1", TCP6)])
def test_answers_hits_and_misses(address: str, slot: int) -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        for name, rrtype in (("mx1.example.com.", "A"), ("alias.example.com.", "MX")):
            writer.write(framed(ask(name, rrtype)))
            assert await message(reader) == expected(ask(name, rrtype), SNAPSHOT, slot)
        assert stage.server.connections == 1
        assert stage.server.executor.answered() == {("A", NOERROR, slot): 1}
        assert stage.server.misses.answered == {("MX", NOERROR, slot): 1}

    staged(body, address=address)


def test_thousands_of_queries_in_one_write() -> None:
    count = 20_000

    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(framed(*(ask(MX1, ident=ident) for ident in range(count))))
        for ident in range(count):
            assert (await message(reader))[:2] == ident.to_bytes(2, "big")

    staged(body)


def test_an_octet_at_a_time() -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        packets = [ask(MX1), b"", ask("customer.test.", "MX")]
        for octet in framed(*packets):
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        for packet in (packets[0], packets[2]):
            assert await message(reader) == expected(packet, SNAPSHOT, TCP4)
        assert stage.server.misses.dropped == {"short": 1}

    staged(body)


def test_lengths_that_lie() -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        # Too short: the rest is taken for the next length. Too long: it waits for more.
        writer.write(struct.pack("!H", 5) + ask(MX1)[:5] + framed(ask(MX1)))
        assert await message(reader) == expected(ask(MX1), SNAPSHOT, TCP4)
        writer.write(struct.pack("!H", 0xFFFF) + framed(ask(MX1)))
        writer.write_eof()
        assert await reader.read() == b""
        assert stage.server.misses.dropped == {"short": 1}

    staged(body)


def test_the_largest_message_is_read_whole() -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        packet = ask(MX1, tail=bytes(65535 - len(ask(MX1))), additional=0)
        writer.write(framed(packet, ask(MX1)))
        assert rcode(await message(reader)) == 1
        assert rcode(await message(reader)) == NOERROR

    staged(body)


def test_a_half_closed_client_gets_all_its_answers() -> None:
    count = 5000

    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.write(framed(*(ask(MX1, ident=ident) for ident in range(count))))
        writer.write_eof()
        for ident in range(count):
            assert (await message(reader))[:2] == ident.to_bytes(2, "big")
        assert await reader.read() == b""
        await stage.until(lambda: not stage.server.connections, "the end of the connection")

    staged(body)


def test_publish_and_rotation_go_on_within_a_connection() -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        for turn in range(6):
            writer.write(framed(ask(MX1)))
            assert await message(reader) == expected(ask(MX1), SNAPSHOT, TCP4, turn)
            stage.server.publish(compile_table(SNAPSHOT, turn + 2))
        assert sum(stage.server.executor.leads().values()) == 6

    staged(body)


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


async def opened(stage: Stage, count: int) -> list[Any]:
    await stage.until(lambda: stage.server.connections == count, f"{count} connections")
    return list(stage.server._open)


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


# --- ends and faults --------------------------------------------------------------------------


def test_resets_leave_nothing_behind() -> None:
    async def body(stage: Stage) -> None:
        for _ in range(30):
            _, writer = await stage.connect()
            writer.write(framed(*[ask(MX1)] * 50))
            linger = struct.pack("@ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        reader, writer = await stage.connect()
        writer.write(framed(ask(MX1)))
        assert rcode(await message(reader)) == NOERROR
        await stage.until(lambda: stage.server.connections == 1, "the reset ones to go")
        assert sum(stage.server._clients.values()) == 1

    staged(body)


def test_a_fault_costs_one_answer_and_no_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(stage: Stage) -> None:
        execute = stage.server.executor.execute

        def faulty(packet: bytes, slot: int) -> bytes | None:
            if packet[1] == 2:
                raise RuntimeError("a fault of ours")
            return execute(packet, slot)

        monkeypatch.setattr(stage.server.executor, "execute", faulty)
        reader, writer = await stage.connect()
        writer.write(framed(*(ask(MX1, ident=ident) for ident in range(5))))
        assert [(await message(reader))[1] for _ in range(4)] == [0, 1, 3, 4]
        assert stage.server.dropped == {"error": 1}

    with caplog.at_level(logging.ERROR):
        staged(body)
    assert len(caplog.records) == 1


def test_close_answers_what_has_arrived() -> None:
    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        await opened(stage, 1)
        writer.write(framed(*[ask(MX1)] * 100))
        assert not writer.transport.get_write_buffer_size()
        await stage.server.close()
        for _ in range(100):
            assert rcode(await message(reader)) == NOERROR
        assert await reader.read() == b""
        assert not stage.server.connections
        with pytest.raises(ConnectionRefusedError):
            await stage.connect()

    staged(body)


def test_close_lets_a_slow_client_read_its_answers() -> None:
    snapshot = big_snapshot(200)
    packet = ask("big.example.com.", "TXT")

    async def body(stage: Stage) -> None:
        reader, writer = await stage.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(framed(*[packet] * 200))
        (connection,) = await opened(stage, 1)
        await stage.until(lambda: connection._waits_for_client, "a full buffer")
        closing = asyncio.create_task(stage.server.close())
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await message(reader) == expected(packet, snapshot, TCP4)
        with suppress(ConnectionResetError):
            await reader.read()
        await closing
        assert not stage.server.connections

    staged(body, snapshot=snapshot)


def test_close_does_not_wait_for_a_client_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp_module, "_CLOSE_SECONDS", 0.1)

    async def body(stage: Stage) -> None:
        _, writer = await stage.connect(receive_octets=4096)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(framed(*[ask("big.example.com.", "TXT")] * 1500))
        (connection,) = await opened(stage, 1)
        await stage.until(lambda: connection._waits_for_client, "a full buffer")
        await stage.server.close()
        assert not stage.server.connections

    staged(body, snapshot=big_snapshot(200))


def test_a_server_that_never_started_closes() -> None:
    asyncio.run(TcpServer(STRANGERS, compile_table(SNAPSHOT, 1)).close())
