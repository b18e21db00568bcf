"""The HTTP application over a server that a test decides on, and clients of its two sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, UnixConnector

from rrdns.health.overrides import Done, NoSuchNodeError, Order
from rrdns.settings import Endpoint
from rrdns.web.app import make_app
from rrdns.web.listen import serve_tcp, serve_unix, tcp_endpoint
from rrdns.web.view import Reloaded, View


class FakeBackend:
    """A server whose moment the test decides on."""

    def __init__(self, view: View, errors: list[str] | None = None) -> None:
        self.now = view
        self.errors = errors or []
        self.reloads = 0
        self.orders: list[Order] = []
        self.done = Done((), None, ())

    def view(self) -> View:
        return self.now

    @property
    def ready(self) -> bool:
        return self.now.ready

    def troubles(self) -> tuple[str, ...]:
        return self.now.troubles

    async def reload(self) -> Reloaded:
        self.reloads += 1
        return Reloaded(self.errors, () if self.errors else ("nodes: added server3",))

    async def override(self, order: Order) -> Done:
        self.orders.append(order)
        if order.pattern.startswith("nobody"):
            raise NoSuchNodeError("no node matches")
        return self.done


@asynccontextmanager
async def tcp_client(backend: FakeBackend) -> AsyncIterator[ClientSession]:
    runner = await serve_tcp(make_app(backend, control=False), Endpoint("127.0.0.1", 0))
    async with ClientSession(f"http://{tcp_endpoint(runner)}") as session:
        yield session
    await runner.cleanup()


@asynccontextmanager
async def control_client(backend: FakeBackend, directory: Path) -> AsyncIterator[ClientSession]:
    path = str(directory / "control.sock")
    runner = await serve_unix(make_app(backend, control=True), path)
    async with ClientSession("http://localhost", connector=UnixConnector(path)) as session:
        yield session
    await runner.cleanup()


def on_tcp(test: Callable[[ClientSession], Awaitable[None]], backend: FakeBackend) -> None:
    async def main() -> None:
        async with tcp_client(backend) as session:
            await test(session)

    asyncio.run(main())


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)
