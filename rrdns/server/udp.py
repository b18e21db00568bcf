"""The UDP loop: one system call receives up to 64 datagrams, another sends their replies.

It is a thread, so that a control side that stalls does not stop the answers. While it waits in the
kernel it holds nothing of the interpreter.

`recvmmsg` and `sendmmsg` are called through ctypes over one set of buffers that is made once: the
kernel writes a query and its client's address, the reply is written over the query, and the same
headers send it back. So no Python object is made for an address, and a wildcard socket's reply
leaves from the address that was asked, because the kernel's own packet information goes back.
"""

import contextlib
import ctypes
import errno
import logging
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable

from rrdns.server.misses import Misses
from rrdns.table.executor import PythonExecutor
from rrdns.table.table import SLOTS, Table
from rrdns.targets import Family

_log = logging.getLogger("rrdns.server")

BATCH = 64
DATAGRAM_OCTETS = 4096
_MSG_DONTWAIT = 0x40
_MSG_TRUNC = 0x20
_MSG_WAITFORONE = 0x10000
_IDLE_SECONDS = 1
_NAME_OCTETS = 28  # sockaddr_in6; sockaddr_in has 16
_CONTROL_OCTETS = 64


class _IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _MsgHdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _MMsgHdr(ctypes.Structure):
    _fields_ = [("header", _MsgHdr), ("length", ctypes.c_uint32)]


# Where the kernel writes, in 4-octet words of the array of headers.
_HEADER_OCTETS = ctypes.sizeof(_MMsgHdr)
_HEADER_WORDS = _HEADER_OCTETS // 4
_FLAGS_WORD = _MsgHdr.flags.offset // 4
_LENGTH_WORD = _MMsgHdr.length.offset // 4

_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg = _libc.recvmmsg
_recvmmsg.argtypes = [
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p,
]  # fmt: skip
# Sending does not wait, so the interpreter is kept: handing it over would cost more.
_sendmmsg = ctypes.PyDLL(None, use_errno=True).sendmmsg
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]


class UdpLoop:
    """Serves one UDP socket from a thread of its own, whatever the rest of the process does.

    Answers from the newest table that `publish` was given; owns an executor, and thereby a
    rotation that no other loop steps. `progress` grows at least once a second while the loop
    lives. `dropped` counts what got no reply for a reason of the socket's.
    """

    def __init__(
        self,
        udp: socket.socket,
        family: Family,
        table: Table,
        *,
        wildcard: bool,
        stagger: int = 0,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self.progress = 0
        self.executor = PythonExecutor(table, stagger)
        self.misses = Misses(table.snapshot, self.executor.turn)
        self._table = table
        self._socket = udp
        self._slot = SLOTS.index(("udp", str(family)))
        self._stopping = False
        self._clear_interface = _clearer(family) if wildcard else None
        self._make_buffers(wildcard)
        udp.setblocking(True)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _IDLE_SECONDS, 0))
        self._thread = threading.Thread(
            target=self._run, name=f"udp-{udp.getsockname()[0]}", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def publish(self, table: Table) -> None:
        """Answer from `table`, from the next receive on."""
        self._table = table

    def stop(self) -> None:
        """Answer what has arrived, and return when the loop has ended."""
        self._stopping = True
        # Ends a wait for the next datagram at once, although Linux calls it an error on a socket
        # without a peer; where it does not, the idle time-out does.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._turn(_MSG_WAITFORONE)
        while self._turn(_MSG_DONTWAIT):
            pass

    def _make_buffers(self, wildcard: bool) -> None:
        data = ctypes.create_string_buffer(BATCH * DATAGRAM_OCTETS)
        names = ctypes.create_string_buffer(BATCH * _NAME_OCTETS)
        controls = ctypes.create_string_buffer(BATCH * _CONTROL_OCTETS)
        vectors = (_IoVec * BATCH)()
        headers = (_MMsgHdr * BATCH)()
        for index in range(BATCH):
            vectors[index].base = ctypes.addressof(data) + index * DATAGRAM_OCTETS
            vectors[index].length = DATAGRAM_OCTETS
            header = headers[index].header
            header.name = ctypes.addressof(names) + index * _NAME_OCTETS
            header.name_length = _NAME_OCTETS
            header.vectors = ctypes.addressof(vectors) + index * ctypes.sizeof(_IoVec)
            header.vector_count = 1
            if wildcard:
                header.control = ctypes.addressof(controls) + index * _CONTROL_OCTETS
                header.control_length = _CONTROL_OCTETS
        # The buffers live as long as the views of them; addresses alone would not keep them.
        self._keep = (data, names, controls, vectors, headers)
        self._headers_at = ctypes.addressof(headers)
        self._vectors_at = ctypes.addressof(vectors)
        self._data = memoryview(data).cast("B")
        self._controls = memoryview(controls).cast("B")
        self._headers = memoryview(headers).cast("B")
        self._words = self._headers.cast("I")
        self._vectors = memoryview(vectors).cast("B")
        self._lengths = self._vectors.cast("Q" if ctypes.sizeof(ctypes.c_size_t) == 8 else "I")
        self._fresh_headers = bytes(self._headers)
        self._fresh_vectors = bytes(self._vectors)

    def _turn(self, flags: int) -> bool:
        """Receive and answer up to 64 datagrams; tell whether there were any."""
        self._headers[:] = self._fresh_headers
        self._vectors[:] = self._fresh_vectors
        count = _recvmmsg(self._socket.fileno(), self._headers_at, BATCH, flags, None)
        self.progress += 1
        if self.executor.table is not self._table:
            self.executor.adopt(self._table)
            self.misses.snapshot = self._table.snapshot
        if count <= 0:
            self._receive_failed(ctypes.get_errno() if count else 0)
            return False
        if self._stopping and not self._words[_LENGTH_WORD]:
            # What a closed receive side reads as.
            return False
        self._answer(count)
        return True

    def _answer(self, count: int) -> None:
        data, words, lengths = self._data, self._words, self._lengths
        execute, miss, slot = self.executor.execute, self.misses.answer, self._slot
        clear_interface = self._clear_interface
        first = 0
        for index in range(count):
            at = index * DATAGRAM_OCTETS
            word = index * _HEADER_WORDS
            reply = None
            if words[word + _FLAGS_WORD] & _MSG_TRUNC:
                self.dropped["oversized"] += 1
            else:
                packet = data[at : at + words[word + _LENGTH_WORD]].tobytes()
                try:
                    reply = execute(packet, slot)
                    if reply is None:
                        reply = miss(packet, slot)
                except Exception:
                    # A fault of ours costs one client its answer, nobody else theirs.
                    self.dropped["error"] += 1
                    self.misses.complain(packet)
            if reply is None:
                self._send(first, index)
                first = index + 1
                continue
            size = len(reply)
            data[at : at + size] = reply
            lengths[2 * index + 1] = size
            if clear_interface is not None:
                clear_interface(self._controls, index * _CONTROL_OCTETS)
        self._send(first, count)

    def _send(self, first: int, end: int) -> None:
        while first < end:
            sent = _sendmmsg(
                self._socket.fileno(),
                self._headers_at + first * _HEADER_OCTETS,
                end - first,
                _MSG_DONTWAIT,
            )
            if sent > 0:
                first += sent
                continue
            code = ctypes.get_errno()
            if code == errno.EINTR:
                continue
            # One client's reply cannot go out (a port 0, no route, a full buffer): the others
            # still get theirs.
            self.dropped["send_error"] += 1
            _log.debug("send failed: %s", os.strerror(code))
            first += 1

    def _receive_failed(self, code: int) -> None:
        if code not in (0, errno.EAGAIN, errno.EINTR):
            # Errors of earlier sends are reported here (ECONNREFUSED): reading goes on.
            self.dropped["receive_error"] += 1
            _log.debug("receive failed: %s", os.strerror(code))


def _clearer(family: Family) -> Callable[[memoryview, int], None]:
    """Return what prepares received packet information for being sent back.

    The source address stays, the interface does not: the reply takes the route to the client,
    which need not be the way that the query came.
    """
    if family is Family.IPV4:

        def clear_ipv4(controls: memoryview, at: int) -> None:
            # cmsghdr of 16 octets, then in_pktinfo: interface, source, destination
            controls[at + 16 : at + 20] = b"\0\0\0\0"

        return clear_ipv4

    def clear_ipv6(controls: memoryview, at: int) -> None:
        # cmsghdr of 16 octets, then in6_pktinfo: address, interface. A link-local address
        # means nothing without its interface.
        if controls[at + 16] != 0xFE or controls[at + 17] & 0xC0 != 0x80:
            controls[at + 32 : at + 36] = b"\0\0\0\0"

    return clear_ipv6
