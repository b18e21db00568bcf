"""DNS over TCP (RFC 7766): length-prefixed messages, pipelined, with bounds on everything.

All connections share one receive buffer. What a connection keeps is one receive's queries and at
most one unfinished message, and some replies that its client has not read yet: while those are over
a bound, no query is answered and nothing more is read.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any

from rrdns.server.loops import Executor
from rrdns.server.misses import Misses
from rrdns.server.turns import MISSES_AT_ONCE, Turns
from rrdns.settings import Limits

_log = logging.getLogger("rrdns.server")

_RECEIVE_OCTETS = 64 * 1024
_WRITE_HIGH_OCTETS = 64 * 1024
_PLANS_A_TURN = 16
_SWEEP_SECONDS = 1.0
_CLOSE_SECONDS = 1.0
_IPV6_CLIENT_BITS = 56
_prefix = struct.Struct("!H").pack


class TcpServer:
    """Accepts connections on several sockets, answers them, and keeps their number within bounds.

    Owns `executor`, and thereby a rotation that no loop steps.
    `dropped` counts the connections that were cut, by reason.
    """

    def __init__(self, limits: Limits, executor: Executor) -> None:
        self.executor = executor
        self.executor.set_time(time.time())
        self.misses = Misses(executor.table.snapshot, self.executor.turn)
        self.dropped: Counter[str] = Counter()
        self.buffer = memoryview(bytearray(_RECEIVE_OCTETS))
        self._servers: list[asyncio.Server] = []
        # In the order of their last activity: the first one is idle for the longest time.
        self._open: OrderedDict[_Connection, float] = OrderedDict()
        self._clients: Counter[str] = Counter()
        self.turns = Turns(lambda: self.executor.allow_plans(_PLANS_A_TURN))
        self.executor.allow_plans(_PLANS_A_TURN)
        self._all_closed = asyncio.Event()
        self._all_closed.set()
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
        """Stop accepting; answer what has arrived, and close once those replies are written.

        A client that does not read its replies is cut after a second.
        """
        for server in self._servers:
            server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        # The first turn of the event loop finds what has arrived, the second reads it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for connection in list(self._open):
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._all_closed.wait()
        for connection in list(self._open):
            connection.abort()
        await asyncio.sleep(0)

    def publish(self, table: Any) -> None:
        """Answer from `table`, in the form of the executor's kind, from now on."""
        self.executor.adopt(table)
        self.misses.snapshot = self.executor.table.snapshot

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
        while len(self._open) >= limits.tcp_connections:
            self.dropped["tcp_limit"] += 1
            next(iter(self._open)).abort()
        self._clients[client] += 1
        self._all_closed.clear()
        self.active(connection)
        return True

    def shed(self, count: int) -> None:
        """Cut so many connections, those that idle longest: others need what they hold."""
        for connection in list(self._open)[:count]:
            self.dropped["tcp_limit"] += 1
            connection.abort()

    def active(self, connection: "_Connection") -> None:
        """Note that a connection got something done."""
        self._open[connection] = asyncio.get_running_loop().time()
        self._open.move_to_end(connection)

    def closed(self, connection: "_Connection", address: str) -> None:
        """Forget a connection that was admitted."""
        if self._open.pop(connection, None) is None:
            return
        if not self._open:
            self._all_closed.set()
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
            self.executor.set_time(time.time())
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
        self._waits_for_client = False
        self._waits_for_turn = False
        self._client = bytes(4)
        self._transport: asyncio.Transport
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (what the loop passes)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._address = peer[0].partition("%")[0] if peer else "0.0.0.0"  # noqa: S104
        self._client = ipaddress.ip_address(self._address).packed
        transport.set_write_buffer_limits(high=_WRITE_HIGH_OCTETS)
        if not self._server.opened(self, self._address):
            transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        received = self._server.buffer[:nbytes].tobytes()
        self._pending = self._pending + received if self._pending else received
        self._work()

    def _work(self) -> None:
        """Answer the whole messages that have come, until the client must read first.

        After a number of misses the next one, and what comes behind it, waits for its turn.
        """
        # The hot path of TCP: what only a miss or a write can change is asked for after those.
        server, data, slot, client = self._server, self._pending, self._slot, self._client
        execute = server.executor.execute
        start = written = misses = 0
        replies: list[bytes] = []
        goes_on = self._may_go_on()
        while goes_on and start + 2 <= len(data):
            end = start + 2 + (data[start] << 8 | data[start + 1])
            if end > len(data):
                break
            packet = data[start + 2 : end]
            try:
                reply = execute(packet, slot, client)
                if reply is None:
                    if misses == MISSES_AT_ONCE or server.turns.is_over:
                        self._wait_for_turn()
                        break
                    misses += 1
                    server.turns.note_miss()
                    reply = server.misses.answer(packet, slot, client, server.executor.cookie_time)
            except Exception:
                # A fault of ours costs the client this answer, not its connection.
                server.dropped["error"] += 1
                server.misses.complain(packet)
                reply = None
            start = end
            if reply is None:
                continue
            size = len(reply)
            replies += (_prefix(size), reply)
            written += 2 + size
            if written > _WRITE_HIGH_OCTETS:
                self._write(replies)
                replies, written = [], 0
                goes_on = self._may_go_on()
        self._pending = data[start:]
        if replies:
            self._write(replies)

    def _may_go_on(self) -> bool:
        return not (self._waits_for_client or self._waits_for_turn or self._transport.is_closing())

    def _wait_for_turn(self) -> None:
        """Read and answer no more until everything else had its turn."""
        self._waits_for_turn = True
        self._transport.pause_reading()
        self._server.turns.wait(self._take_turn)

    def _take_turn(self) -> None:
        self._waits_for_turn = False
        self._go_on()

    def _go_on(self) -> None:
        if self._may_go_on():
            self._work()
            if self._may_go_on():
                self._transport.resume_reading()

    def _write(self, replies: list[bytes]) -> None:
        # Only a finished query counts as activity: a peer that sends an octet now and then is as
        # idle as one that sends none.
        self._server.active(self)
        self._transport.write(b"".join(replies))

    def pause_writing(self) -> None:
        self._waits_for_client = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._waits_for_client = False
        if self._transport.is_closing():
            return
        self._server.active(self)
        self._go_on()

    def eof_received(self) -> bool:
        # A half-closed connection has got every answer it will get: the transport writes what
        # is left and closes.
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._server.closed(self, self._address)

    def close(self) -> None:
        """Close once what was answered is written."""
        self._transport.close()

    def abort(self) -> None:
        """Cut the connection now."""
        self._server.closed(self, self._address)
        self._transport.abort()
