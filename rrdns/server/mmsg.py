"""Many datagrams in one system call: `recvmmsg` and `sendmmsg` over buffers that are made once.

The kernel writes a query and its client's address, the reply is written over the query, and the
same headers send it back. So no Python object is made for a socket address, and a wildcard
socket's reply leaves from the address that was asked, because the kernel's own packet information
goes back with it.
"""

import ctypes
import errno
import os
from typing import NamedTuple

from rrdns.targets import Family

DATAGRAM_OCTETS = 4096
MSG_DONTWAIT = 0x40
MSG_WAITFORONE = 0x10000
MSG_TRUNC = 0x20

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
HEADER_WORDS = ctypes.sizeof(_MMsgHdr) // 4
FLAGS_WORD = _MsgHdr.flags.offset // 4
LENGTH_WORD = _MMsgHdr.length.offset // 4
_NAME_LENGTH_WORD = _MsgHdr.name_length.offset // 4
_CONTROL_LENGTH_WORD = _MsgHdr.control_length.offset // 4

# Without argument types: the arguments are ctypes' own objects, made once, which is quicker than
# having numbers checked and converted at each call.
_recvmmsg = ctypes.CDLL(None, use_errno=True).recvmmsg
# Sending does not wait, so the interpreter is kept: handing it over would cost more.
_sendmmsg = ctypes.PyDLL(None, use_errno=True).sendmmsg
_NULL = ctypes.c_void_p(None)
_FLAGS = {flags: ctypes.c_int(flags) for flags in (MSG_DONTWAIT, MSG_WAITFORONE)}


class Envelope(NamedTuple):
    """Where a datagram came from and was sent to, as the kernel wrote it."""

    name: bytes
    control: bytes


class Batch:
    """Buffers for a number of datagrams, and the calls that fill and empty them.

    The loop reads and writes them itself, a function call for each datagram being too dear:
    datagram `index` begins at `index * DATAGRAM_OCTETS` of `data`, the words that the kernel wrote
    of it at `index * HEADER_WORDS` of `words`, and its length to send stands in
    `lengths[2 * index + 1]`. Its client's packed address is `names[clients[index]]`.
    """

    def __init__(self, size: int, family: Family, *, wildcard: bool) -> None:
        self._size = ctypes.c_uint(size)
        self._wildcard = wildcard
        self._family = family
        data = ctypes.create_string_buffer(size * DATAGRAM_OCTETS)
        names = ctypes.create_string_buffer(size * _NAME_OCTETS)
        controls = ctypes.create_string_buffer(size * _CONTROL_OCTETS)
        vectors = (_IoVec * size)()
        headers = (_MMsgHdr * size)()
        for index in range(size):
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
        # The buffers live as long as this object; the addresses in them would not keep them.
        self._keep = (data, names, controls, vectors, headers)
        self._headers_at = tuple(ctypes.c_void_p(ctypes.addressof(header)) for header in headers)
        self.data = memoryview(data).cast("B")
        self.names = memoryview(names).cast("B")
        self._controls = memoryview(controls).cast("B")
        self._headers = memoryview(headers).cast("B")
        self._vectors = memoryview(vectors).cast("B")
        self.words = self._headers.cast("I")
        self.lengths = self._vectors.cast("Q" if ctypes.sizeof(ctypes.c_size_t) == 8 else "I")
        # What the kernel and the loop overwrote of the first `used` datagrams, to be put back.
        self._used = 0
        self._fresh = tuple(
            (
                slice(0, count * ctypes.sizeof(_MMsgHdr)),
                bytes(self._headers[: count * ctypes.sizeof(_MMsgHdr)]),
                slice(0, count * ctypes.sizeof(_IoVec)),
                bytes(self._vectors[: count * ctypes.sizeof(_IoVec)]),
            )
            for count in range(size + 1)
        )
        first, last = (4, 8) if family is Family.IPV4 else (8, 24)
        self.clients = tuple(
            slice(index * _NAME_OCTETS + first, index * _NAME_OCTETS + last)
            for index in range(size)
        )

    def receive(self, descriptor: int, flags: int) -> int:
        """Fill the buffers; return how many datagrams came, or an errno below zero."""
        self._refresh()
        count: int = _recvmmsg(descriptor, self._headers_at[0], self._size, _FLAGS[flags], _NULL)
        if count < 0:
            return -ctypes.get_errno()
        self._used = count
        return count

    def _refresh(self) -> None:
        headers, fresh_headers, vectors, fresh_vectors = self._fresh[self._used]
        self._headers[headers] = fresh_headers
        self._vectors[vectors] = fresh_vectors

    def send(self, descriptor: int, first: int, end: int) -> list[str]:
        """Send datagrams from `first` up to `end`; return what failed, a line each.

        One client's reply that cannot go out (a port 0, no route, a full buffer) does not keep
        the others' back.
        """
        failures: list[str] = []
        while first < end:
            at = self._headers_at[first]
            sent = _sendmmsg(descriptor, at, end - first, _FLAGS[MSG_DONTWAIT])
            if sent > 0:
                first += sent
                continue
            code = ctypes.get_errno()
            if code != errno.EINTR:
                failures.append(os.strerror(code))
                first += 1
        return failures

    def clear_interfaces(self, count: int) -> None:
        """Prepare the packet information of datagrams for being sent back.

        The source address stays, the interface does not: the reply takes the route to the client,
        which need not be the way that the query came.
        """
        if not self._wildcard:
            return
        controls = self._controls
        for at in range(0, count * _CONTROL_OCTETS, _CONTROL_OCTETS):
            # After a cmsghdr of 16 octets: in_pktinfo (interface, source, destination) or
            # in6_pktinfo (address, interface). A link-local address needs its interface.
            if self._family is Family.IPV4:
                controls[at + 16 : at + 20] = b"\0\0\0\0"
            elif controls[at + 16] != 0xFE or controls[at + 17] & 0xC0 != 0x80:
                controls[at + 32 : at + 36] = b"\0\0\0\0"

    def envelope(self, index: int) -> Envelope:
        """Return a copy of where a received datagram's reply has to go."""
        word = index * HEADER_WORDS
        name, control = index * _NAME_OCTETS, index * _CONTROL_OCTETS
        return Envelope(
            self.names[name : name + self.words[word + _NAME_LENGTH_WORD]].tobytes(),
            self._controls[control : control + self.words[word + _CONTROL_LENGTH_WORD]].tobytes(),
        )

    def post(self, descriptor: int, envelope: Envelope, reply: bytes) -> list[str]:
        """Send one reply to where an envelope says, and return what failed, a line each.

        Whatever the batch held is lost.
        """
        self._used = 1
        self._refresh()
        self.names[: len(envelope.name)] = envelope.name
        self.words[_NAME_LENGTH_WORD] = len(envelope.name)
        if self._wildcard:
            self._controls[: len(envelope.control)] = envelope.control
            self.words[_CONTROL_LENGTH_WORD] = len(envelope.control)
            self.clear_interfaces(1)
        self.data[: len(reply)] = reply
        self.lengths[1] = len(reply)
        return self.send(descriptor, 0, 1)
