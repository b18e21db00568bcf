"""One TCP connection of a probe: callbacks on an event loop, a deadline at every moment.

Streams and transports would do, and cost a multiple: thousands of targets share one core with the
answers. Nothing here knows what is said.
"""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from rrdns.health.outgoing import is_held_back
from rrdns.targets import Family, Target

_READ_OCTETS: Final = 16 * 1024
_FAMILIES: Final = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
_UNDER_WAY: Final = frozenset({errno.EINPROGRESS, errno.EINTR})
# Linux chooses the port only at connect, so that a source address has all ports for each target.
_IP_BIND_ADDRESS_NO_PORT: Final = 24


class Link:
    """A connection to a target; its owner calls `open` once, awaits `ended`, and calls `close`.

    `on_connected` is called once, `on_data` with what was read, b"" at the end of the peer's
    stream. `ended` raises what went wrong: TimeoutError at the deadline, OSError of the network
    (ECOMM where this machine let out no packet), and whatever a callback raised. To be used from
    one event loop.
    """

    def __init__(
        self, target: Target, on_connected: Callable[[], None], on_data: Callable[[bytes], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._target = target
        self._on_connected = on_connected
        self._on_data = on_data
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._error: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = float("inf")
        self._unsent = b""
        self._socket: socket.socket | None = None
        # The loop is given descriptors, because it puts sockets into words where it need not.
        self._fd = -1
        self._reading = self._writing = False

    def open(self) -> None:
        """Begin to connect; raises OSError."""
        target = self._target
        sock = self._socket = socket.socket(_FAMILIES[target.family], socket.SOCK_STREAM)
        sock.setblocking(False)
        self._bind(sock)
        error = sock.connect_ex((target.address, target.settings.port))
        if error and error not in _UNDER_WAY:
            raise _os_error(error)
        self._fd = sock.fileno()
        self._wait_to_write(self._connected)

    async def ended(self) -> None:
        """Wait until somebody called `close`, or raise what went wrong."""
        await self._ended
        if self._error is not None:
            try:
                raise self._error
            finally:
                # An error holds the frames that it passes, and these hold us.
                self._error = None

    def close(self) -> None:
        """Close at once; what is unsent is dropped."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._stop_writing()
            if self._reading:
                self._loop.remove_reader(self._fd)
            self._socket.close()
            self._socket = None
        self._end(None)
        # Our owner holds us: thousands of probes shall leave no circles for the collector.
        self._on_connected = self._on_data = _nothing

    @property
    def own_address(self) -> str:
        """Our own address, without a zone index."""
        assert self._socket is not None  # noqa: S101 - asked for only while connected
        return str(self._socket.getsockname()[0]).partition("%")[0]

    def set_deadline(self, at: float) -> None:
        """Fail at this time of the loop's clock, if nobody moves the deadline before."""
        self._deadline = at
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._on_timer)

    def send(self, data: bytes) -> None:
        """Write; what the kernel does not take now follows later."""
        assert self._socket is not None  # noqa: S101 - called only while connected
        if self._unsent:
            self._unsent += data
            return
        sent = _send(self._socket, data)
        if sent < len(data):
            self._unsent = data[sent:]
            self._wait_to_write(self._send_more)

    def _bind(self, sock: socket.socket) -> None:
        settings = self._target.settings
        v6 = sock.family == socket.AF_INET6
        source = settings.source_ipv6 if v6 else settings.source_ipv4
        if source is None:
            return
        if sys.platform == "linux":
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))

    def _wait_to_write(self, callback: Callable[[socket.socket], None]) -> None:
        self._writing = True
        self._loop.add_writer(self._fd, self._guard, callback)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)

    def _guard(self, callback: Callable[[socket.socket], None]) -> None:
        if self._socket is None:
            return
        try:
            callback(self._socket)
        except Exception as error:
            self._end(error)

    def _connected(self, sock: socket.socket) -> None:
        self._stop_writing()
        if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise _os_error(error)
        self._on_connected()
        if self._socket is not None:
            self._reading = True
            self._loop.add_reader(self._fd, self._guard, self._readable)

    def _readable(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(_READ_OCTETS)
        except (BlockingIOError, InterruptedError):
            return
        self._on_data(data)

    def _send_more(self, sock: socket.socket) -> None:
        self._unsent = self._unsent[_send(sock, self._unsent) :]
        if not self._unsent:
            self._stop_writing()

    def _on_timer(self) -> None:
        self._timer = None
        if self._loop.time() < self._deadline:
            self.set_deadline(self._deadline)
        else:
            # Whoever waits wakes a turn later, so that what else came due in this turn is seen.
            self._end(self._silence())

    def _end(self, error: Exception | None) -> None:
        if not self._ended.done():
            self._error = error
            self._ended.set_result(None)

    def _silence(self) -> OSError:
        if self._socket is not None and is_held_back(self._socket):
            return OSError(errno.ECOMM, "this machine's own firewall or queue drops the packets")
        return TimeoutError()


def _send(sock: socket.socket, data: bytes) -> int:
    try:
        return sock.send(data)
    except (BlockingIOError, InterruptedError):
        return 0


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _nothing(*_: object) -> None:
    pass
