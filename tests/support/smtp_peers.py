"""SMTP peers on loopback, good and bad, and one way to probe them."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from rrdns.health.probe import TranscriptLine, probe
from rrdns.targets import ProbeResult, ProbeSettings, Reason, Target

FAST = ProbeSettings(
    connect_timeout_seconds=0.3, banner_timeout_seconds=0.3, command_timeout_seconds=0.3
)
PATIENT = ProbeSettings(
    connect_timeout_seconds=30, banner_timeout_seconds=30, command_timeout_seconds=30
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(handler: Handler, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve `handler` on a free port; its errors are its own business, peers do go away."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(serve, address, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await done.wait()


def script(*turns: bytes, pause: float = 0.0, piece: int = 65536) -> Handler:
    """Say `turns`, a command of the peer's before each but the first, in pieces."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, turn in enumerate(turns):
            if number:
                await reader.readuntil(b"\r\n")
            for start in range(0, len(turn), piece):
                writer.write(turn[start : start + piece])
                await writer.drain()
                await asyncio.sleep(pause)
        if turns[-1].startswith(b"221"):
            assert await reader.read() == b""

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing until the peer goes."""
    await reader.read()


def target(port: int, settings: ProbeSettings = PATIENT, address: str = "127.0.0.1") -> Target:
    return Target(address, replace(settings, port=port))


def ask(
    handler: Handler,
    settings: ProbeSettings = PATIENT,
    address: str = "127.0.0.1",
    helo: str | None = "probe.test",
) -> tuple[ProbeResult, list[TranscriptLine]]:
    """Probe a peer that serves `handler`."""

    async def run() -> tuple[ProbeResult, list[TranscriptLine]]:
        transcript: list[TranscriptLine] = []
        async with peer(handler, address) as port:
            result = await probe(target(port, settings, address), helo=helo, transcript=transcript)
        return result, transcript

    return asyncio.run(run())


def outcome(result: ProbeResult) -> tuple[Reason, str | None, int | None, str | None]:
    return result.reason, result.phase, result.code, result.text


GOOD = (b"220-mx\r\n220 ready\r\n", b"250-mx hello\r\n250 SIZE\r\n", b"221 bye\r\n")


@contextmanager
def peer_in_a_thread(handler: Handler, address: str = "127.0.0.1") -> Iterator[int]:
    """Serve `handler` for somebody with a loop of their own; it has to come before the end."""
    ports: queue.Queue[int] = queue.Queue()

    async def serve() -> None:
        async with peer(handler, address) as port:
            ports.put(port)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield ports.get()
    finally:
        thread.join()
