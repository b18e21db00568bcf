import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web
from support.waiting import wait_until

from rrdns.settings import Endpoint
from rrdns.web.connections import Connections, note_request
from rrdns.web.listen import serve_tcp, tcp_endpoint

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 20))


@asynccontextmanager
async def serving(connections: Connections) -> AsyncIterator[Endpoint]:
    async def index(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application(middlewares=[note_request])
    app.router.add_get("/", index)
    runner = await serve_tcp(app, Endpoint("127.0.0.1", 0), connections)
    yield tcp_endpoint(runner)
    await runner.cleanup()


async def connect(endpoint: Endpoint) -> Streams:
    return await asyncio.open_connection(endpoint.address, endpoint.port)


async def ask(streams: Streams) -> bytes:
    reader, writer = streams
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"ok"
    return head.split(b"\r\n", 1)[0]


async def ended(streams: Streams) -> bool:
    try:
        return await streams[0].read() == b""
    except ConnectionResetError:
        return True


async def close(*opened: Streams) -> None:
    for _, writer in opened:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def test_a_client_that_sends_no_whole_request_is_cut_off() -> None:
    async def main() -> None:
        connections = Connections(head_seconds=0.2)
        async with serving(connections) as endpoint:
            silent, slow = await connect(endpoint), await connect(endpoint)
            slow[1].write(REQUEST[:-2])
            assert await ended(silent)
            assert await ended(slow)
            assert len(connections) == 0
            await close(silent, slow)

    run(main())


def test_a_client_that_asks_keeps_its_connection_until_it_idles_too_long() -> None:
    async def main() -> None:
        connections = Connections(head_seconds=30, request_seconds=0.2)
        async with serving(connections) as endpoint:
            client = await connect(endpoint)
            assert await ask(client) == b"HTTP/1.1 200 OK"
            assert await ask(client) == b"HTTP/1.1 200 OK"
            assert await ended(client)
            await close(client)

    run(main())


def test_at_the_limit_the_longest_idle_connection_makes_room() -> None:
    async def main() -> None:
        connections = Connections(limit=3)
        async with serving(connections) as endpoint:
            first, second = await connect(endpoint), await connect(endpoint)
            await ask(second)
            await ask(first)
            silent = [await connect(endpoint) for _ in range(2)]
            assert await ended(second)
            assert await ask(first) == b"HTTP/1.1 200 OK"
            newest = await connect(endpoint)
            assert await ask(newest) == b"HTTP/1.1 200 OK"
            assert len(connections) == 3
            await close(first, second, newest, *silent)

    run(main())


def test_a_flood_of_silent_clients_does_not_keep_others_out() -> None:
    async def main() -> None:
        connections = Connections(limit=10)
        async with serving(connections) as endpoint:
            flood = [await connect(endpoint) for _ in range(50)]
            client = await connect(endpoint)
            assert await ask(client) == b"HTTP/1.1 200 OK"
            assert len(connections) <= 10
            await close(client, *flood)

    run(main())


def test_connections_that_end_are_forgotten() -> None:
    async def main() -> None:
        connections = Connections()
        async with serving(connections) as endpoint:
            client = await connect(endpoint)
            await ask(client)
            await close(client)
            assert await asyncio.to_thread(wait_until, lambda: not len(connections), 5, "closing")

    run(main())
