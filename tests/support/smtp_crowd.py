"""SMTP peers that serve again and again, in a thread of their own, and count who comes."""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from support.smtp_peers import Handler


@dataclass
class Served:
    """One peer of a crowd: its port on 127.0.0.1, and who came when."""

    handler: Handler
    port: int = 0
    came_at: list[float] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came_at.append(time.monotonic())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self.handler(reader, writer)
                await writer.drain()
        finally:
            self.under_way -= 1
            writer.transport.abort()


@contextmanager
def crowd(handlers: Mapping[str, Handler]) -> Iterator[dict[str, Served]]:
    """Run a peer for each handler while the block runs."""
    peers = {name: Served(handler) for name, handler in handlers.items()}
    ready = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        end = asyncio.Event()
        servers = []
        for one in peers.values():
            servers.append(await asyncio.start_server(one.serve, "127.0.0.1", 0))
            one.port = servers[-1].sockets[0].getsockname()[1]
        loops.append((asyncio.get_running_loop(), end))
        ready.set()
        await end.wait()
        for server in servers:
            server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(20)
    try:
        yield peers
    finally:
        [(loop, end)] = loops
        loop.call_soon_threadsafe(end.set)
        thread.join()
