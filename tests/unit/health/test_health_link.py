"""The connection of a probe: deadlines that move, writes that wait, errors that are told."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest
from support.ports import free_port
from support.smtp_peers import GOOD, Handler, peer, script, silent, target

from rrdns.health.link import Link
from rrdns.health.probe import probe
from rrdns.targets import Reason

MUCH = bytes(range(256)) * 40_000


class Owner:
    """Whoever uses a link: notes what is told."""

    def __init__(self, port: int, on_data: Callable[[bytes], None] | None = None) -> None:
        self.connected = asyncio.Event()
        self.data = bytearray()
        self.link = Link(target(port), self.connected.set, on_data or self.data.extend)


def against(handler: Handler, body: Callable[[int], Awaitable[None]]) -> None:
    async def run() -> None:
        async with peer(handler) as port:
            await body(port)

    asyncio.run(run())


def test_what_the_kernel_does_not_take_follows_later() -> None:
    heard, whole = bytearray(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(heard) < 3 * len(MUCH):
            heard.extend(await reader.read(100_000))
            await asyncio.sleep(0)
        whole.set()

    async def body(port: int) -> None:
        owner = Owner(port)
        owner.link.open()
        await owner.connected.wait()
        for _ in range(3):
            owner.link.send(MUCH)
        await whole.wait()
        owner.link.close()
        await owner.link.ended()

    against(slow, body)
    assert heard == MUCH * 3


def test_a_deadline_can_be_moved_both_ways() -> None:
    async def body(port: int) -> None:
        loop = asyncio.get_running_loop()
        owner = Owner(port)
        owner.link.set_deadline(loop.time() + 0.05)
        owner.link.open()
        await owner.connected.wait()
        later = loop.time() + 0.3
        owner.link.set_deadline(later)
        with pytest.raises(TimeoutError):
            await owner.link.ended()
        assert loop.time() >= later
        owner.link.close()

    against(silent, body)

    async def sooner(port: int) -> None:
        loop = asyncio.get_running_loop()
        owner = Owner(port)
        owner.link.set_deadline(loop.time() + 100)
        owner.link.open()
        owner.link.set_deadline(loop.time() + 0.05)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(owner.link.ended(), 50)
        owner.link.close()

    against(silent, sooner)


def test_a_link_that_was_closed_fails_no_more() -> None:
    async def body(port: int) -> None:
        loop = asyncio.get_running_loop()
        owner = Owner(port)
        owner.link.set_deadline(loop.time() + 0.05)
        owner.link.open()
        await owner.connected.wait()
        owner.link.close()
        owner.link.close()
        await asyncio.sleep(0.1)
        await owner.link.ended()

    against(silent, body)


def test_what_a_callback_raises_reaches_who_waits() -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.read()

    def fail(data: bytes) -> None:
        raise RuntimeError(f"a bug at {data!r}")

    async def body(port: int) -> None:
        owner = Owner(port, fail)
        owner.link.open()
        with pytest.raises(RuntimeError, match="a bug at b'220 mx"):
            await owner.link.ended()
        owner.link.close()

    against(greets, body)


def test_a_connection_that_fails_at_once_is_closed() -> None:
    # Nobody connects to everybody. An open socket would be a warning, and that an error.
    result = asyncio.run(probe(target(25, address="255.255.255.255")))
    assert (result.reason, result.phase) == (Reason.LOCAL, "connect")


@pytest.mark.parametrize("handler", [script(*GOOD), None], ids=["good", "refused"])
def test_probes_leave_nothing_to_the_garbage_collector(handler: Handler | None) -> None:
    async def body(port: int) -> None:
        await probe(target(port))
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(20):
                await probe(target(port))
            gc.collect()
            # The peer, in this very process, does leave some.
            left = [type(found) for found in gc.garbage]
            assert [kind for kind in left if kind.__module__.startswith("rrdns")] == []
            assert OSError not in {kind.__base__ for kind in left}
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    async def refused() -> None:
        await body(free_port())

    if handler is None:
        asyncio.run(refused())
    else:
        against(handler, body)
