"""A TCP server on loopback, and clients that are closed at its end."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from rrdns.model import RRset, Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import TXT
from rrdns.server.tcp import TcpServer
from rrdns.settings import Limits
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.snapshot import make_snapshot
from support.tables import TCP4, TCP6, configure

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
    server = TcpServer(limits, PythonExecutor(compile_table(snapshot, 1)))
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


async def opened(stage: Stage, count: int) -> list[Any]:
    await stage.until(lambda: stage.server.connections == count, f"{count} connections")
    return list(stage.server._open)
