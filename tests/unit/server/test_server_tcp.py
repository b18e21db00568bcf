import asyncio
import logging
import socket
import struct
from contextlib import suppress

import pytest
from support.tables import TCP4, TCP6, ask, expected, rcode
from support.tcp_stage import (
    MX1,
    SNAPSHOT,
    STRANGERS,
    Stage,
    big_snapshot,
    framed,
    message,
    opened,
    staged,
)

from rrdns.rrtypes import NOERROR
from rrdns.server import tcp as tcp_module
from rrdns.server.tcp import TcpServer
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor

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

        def faulty(packet: bytes, slot: int, client: bytes) -> bytes | None:
            if packet[1] == 2:
                raise RuntimeError("a fault of ours")
            return execute(packet, slot, client)

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
    asyncio.run(TcpServer(STRANGERS, PythonExecutor(compile_table(SNAPSHOT, 1))).close())
