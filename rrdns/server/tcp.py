"""DNS over TCP (RFC 7766): length-prefixed messages, pipelined, with bounds on everything.

All connections share one receive buffer; what a connection keeps is at most one unfinished
message and the replies that its client has not read yet, during which nothing more is read.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections import Counter, OrderedDict
from collections.abc import Sequence

from rrdns.model import Limits
from rrdns.server.misses import Misses
from rrdns.table.executor import PythonExecutor
from rrdns.table.table import Table

_log = logging.getLogger("rrdns.server")

_RECEIVE_OCTETS = 64 * 1024
_WRITE_HIGH_OCTETS = 64 * 1024
_SWEEP_SECONDS = 1.0
_IPV6_CLIENT_BITS = 56


class TcpServer:
    """Accepts connections on several sockets, answers them, and keeps their number within bounds.

    `dropped` counts the connections that were cut, by reason.
    """

    def __init__(self, limits: Limits, table: Table, *, stagger: int = 0) -> None:
        self.executor = PythonExecutor(table, stagger)
        self.misses = Misses(table.snapshot, self.executor.turn)
        self.dropped: Counter[str] = Counter()
        self.buffer = memoryview(bytearray(_RECEIVE_OCTETS))
        self._servers: list[asyncio.Server] = []
        # In the order of their last activity: the first one is idle for the longest time.
        self._open: OrderedDict[_Connection, float] = OrderedDict()
        self._clients: Counter[str] = Counter()
        self._sweeper: asyncio.Task[None] | None = None
        self.set_limits(limits)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._open)

    def set_limits(self, limits: Limits) -> None:
        """Take new limits; connections over them are cut when the next ones come."""
        self._limits = limits
        self._exempt = tuple(ipaddress.ip_network(text) for text in limits.exempt)

    async def start(self, listeners: Sequence[tuple[socket.socket, int]]) -> None:
        """Begin to accept on bound, listening sockets, each with the slot of its family."""
        loop = asyncio.get_running_loop()
        for listener, slot in listeners:
            server = await loop.create_server(
                lambda slot=slot: _Connection(self, slot),  # type: ignore[misc]
                sock=listener,
                backlog=511,
            )
            self._servers.append(server)
        self._sweeper = asyncio.create_task(self._sweep(), name="tcp-sweep")

    async def close(self) -> None:
        """Stop accepting; close every connection once its replies are written."""
        for server in self._servers:
            server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        for connection in list(self._open):
            connection.close()
        await asyncio.sleep(0)

    def publish(self, table: Table) -> None:
        """Answer from `table` from now on."""
        self.executor.adopt(table)
        self.misses.snapshot = table.snapshot

    # --- for connections ----------------------------------------------------------------------

    def opened(self, connection: "_Connection", address: str) -> bool:
        """Admit a connection, or say that it must be cut."""
        client = _client(address)
        limits = self._limits
        if self._clients[client] >= limits.tcp_connections_per_client and not self._is_exempt(
            address
        ):
            self.dropped["tcp_client_limit"] += 1
            return False
        if len(self._open) >= limits.tcp_connections:
            self.dropped["tcp_limit"] += 1
            next(iter(self._open)).abort()
        self._clients[client] += 1
        self.active(connection)
        return True

    def active(self, connection: "_Connection") -> None:
        """Note that a connection got something done."""
        self._open[connection] = asyncio.get_running_loop().time()
        self._open.move_to_end(connection)

    def closed(self, connection: "_Connection", address: str) -> None:
        """Forget a connection that was admitted."""
        if self._open.pop(connection, None) is None:
            return
        client = _client(address)
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]

    def _is_exempt(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._exempt)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            oldest = loop.time() - self._limits.tcp_idle_timeout_seconds
            for connection, active_at in list(self._open.items()):
                if active_at > oldest:
                    break
                self.dropped["tcp_idle"] += 1
                connection.abort()


def _client(address: str) -> str:
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], _IPV6_CLIENT_BITS), strict=False))


class _Connection(asyncio.BufferedProtocol):
    """One client: frames in, answers out in the order in which they are ready."""

    def __init__(self, server: TcpServer, slot: int) -> None:
        self._server = server
        self._slot = slot
        self._pending = b""
        self._transport: asyncio.Transport | None = None
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (what the loop passes)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._address = peer[0].partition("%")[0] if peer else "0.0.0.0"  # noqa: S104
        transport.set_write_buffer_limits(high=_WRITE_HIGH_OCTETS)
        if not self._server.opened(self, self._address):
            transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self._pending + self._server.buffer[:nbytes].tobytes()
        server, slot = self._server, self._slot
        replies = []
        start, size = 0, len(data)
        while start + 2 <= size:
            end = start + 2 + (data[start] << 8 | data[start + 1])
            if end > size:
                break
            packet = data[start + 2 : end]
            reply = server.executor.execute(packet, slot)
            if reply is None:
                reply = server.misses.answer(packet, slot)
            if reply is not None:
                replies.append(len(reply).to_bytes(2, "big"))
                replies.append(reply)
            start = end
        self._pending = data[start:]
        if replies and self._transport is not None:
            self._transport.write(b"".join(replies))
            # Only a finished query counts as activity: a peer that sends an octet now and then
            # is as idle as one that sends none.
            self._server.active(self)

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._server.active(self)

    def eof_received(self) -> bool:
        # A half-closed connection has got every answer it will get: the transport writes what
        # is left and closes.
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._server.closed(self, self._address)
        self._transport = None

    def close(self) -> None:
        """Close once what was answered is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection now."""
        if self._transport is not None:
            self._server.closed(self, self._address)
            self._transport.abort()
