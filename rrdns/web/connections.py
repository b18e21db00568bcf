"""Bounds on HTTP clients: how many connections there are, and how long each may idle.

aiohttp bounds sizes; time and number are bounded here, so that slow or many clients cost the
server that answers DNS in the same process next to nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

MAX_CONNECTIONS = 100
# From the connection to the end of the first request's head.
HEAD_SECONDS = 10.0
# From the end of one request's head to the next one's: Prometheus scrapes once a minute or oftener.
REQUEST_SECONDS = 90.0


class Connections:
    """The connections of one listener, the longest idle first."""

    def __init__(
        self,
        *,
        limit: int = MAX_CONNECTIONS,
        head_seconds: float = HEAD_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self._limit = limit
        self._head_seconds = head_seconds
        self._request_seconds = request_seconds
        self._timers: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def factory(self, server: web.Server, **settings: Any) -> Callable[[], web.RequestHandler]:
        """Return what makes the protocol of each new connection; `settings` are aiohttp's."""
        loop = asyncio.get_running_loop()
        return lambda: _Connection(self, server, loop=loop, **settings)

    def opened(self, connection: web.RequestHandler) -> None:
        """Note a new connection; over the limit the longest idle one is closed for it."""
        if len(self._timers) >= self._limit:
            longest_idle = next(iter(self._timers))
            self.closed(longest_idle)
            _abort(longest_idle)
        self._arm(connection, self._head_seconds)

    def requested(self, connection: web.RequestHandler) -> None:
        """Note that a request's head is complete."""
        if connection in self._timers:
            self._arm(connection, self._request_seconds)

    def closed(self, connection: web.RequestHandler) -> None:
        """Forget a connection that ended."""
        if timer := self._timers.pop(connection, None):
            timer.cancel()

    def _arm(self, connection: web.RequestHandler, seconds: float) -> None:
        self.closed(connection)
        loop = asyncio.get_running_loop()
        self._timers[connection] = loop.call_later(seconds, _abort, connection)


class _Connection(web.RequestHandler):
    __slots__ = ("_connections",)

    def __init__(self, connections: Connections, server: web.Server, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connections.closed(self)
        super().connection_lost(exc)

    def requested(self) -> None:
        self._connections.requested(self)


def _abort(connection: web.RequestHandler) -> None:
    if connection.transport is not None:
        connection.transport.abort()


@web.middleware
async def note_request(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """Middleware that tells a bounded connection of each request that begins."""
    if isinstance(request.protocol, _Connection):
        request.protocol.requested()
    response: web.StreamResponse = await handler(request)
    return response
