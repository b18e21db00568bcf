"""What a reply says, and how a server is asked."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from differential.questions import Question

_DEADLINE_SECONDS = 5
_FLAGS = {"AA": 0x0400, "TC": 0x0200, "RD": 0x0100, "RA": 0x80, "Z": 0x40, "AD": 0x20, "CD": 0x10}
A, NS, CNAME, SOA, MX, AAAA, DNAME, OPT = 1, 2, 5, 6, 15, 28, 39, 41
# Where the names stand in the RDATA of the types that may be compressed (RFC 3597, section 4).
_NAMES_AT = {NS: (0, 1), CNAME: (0, 1), SOA: (0, 2), 12: (0, 1), MX: (2, 1)}


class Line(NamedTuple):
    """One record; owner and RDATA are uncompressed, their names in lower case (RFC 4343)."""

    owner: bytes
    ttl_seconds: int
    rrtype: int
    rdata: bytes

    def __str__(self) -> str:
        rrtype = dns.rdatatype.RdataType.make(self.rrtype)
        rdata = dns.rdata.from_wire(dns.rdataclass.IN, rrtype, self.rdata, 0, len(self.rdata))
        return f"{name_of(self.owner)} {self.ttl_seconds} {rrtype.name} {rdata}"


Section = frozenset[Line]


@dataclass(frozen=True, slots=True)
class Said:
    """What a reply says, whatever the order of its records and the case of its names.

    `opt` is the version and the flags of the OPT, `options` the codes of its options.
    """

    rcode: int
    flags: frozenset[str]
    answer: Section = frozenset()
    authority: Section = frozenset()
    additional: Section = frozenset()
    opt: tuple[int, int] | None = None
    options: tuple[int, ...] = ()

    def __str__(self) -> str:
        lines = [f"rcode {self.rcode}, flags {sorted(self.flags)}, opt {self.opt} {self.options}"]
        for name in ("answer", "authority", "additional"):
            section: Section = getattr(self, name)
            lines += sorted(f"  {name}: {line}" for line in section)
        return "\n".join(lines)


def name_of(wire: bytes) -> dns.name.Name:
    """Return a name that stands alone in wire format."""
    return dns.name.from_wire(wire, 0)[0]


def said(wire: bytes) -> Said:
    """Read a reply of class IN. Small, since dnspython would take minutes for all of them."""
    _, flags, questions, *counts = struct.unpack_from("!6H", wire)
    rcode, opt = flags & 15, None
    options: tuple[int, ...] = ()
    position = 12
    for _ in range(questions):
        position = _name(wire, position)[1] + 4
    sections: list[Section] = []
    for count in counts:
        lines = []
        for _ in range(count):
            owner, position = _name(wire, position)
            rrtype, rrclass, ttl, length = struct.unpack_from("!HHIH", wire, position)
            start, position = position + 10, position + 10 + length
            if rrtype == OPT:
                rcode |= ttl >> 24 << 4
                opt = (ttl >> 16 & 255, ttl & 0xFFFF)
                options = tuple(sorted(_options(wire[start:position])))
            else:
                assert rrclass == 1
                lines.append(Line(owner, ttl, rrtype, _rdata(wire, rrtype, start, position)))
        assert len(set(lines)) == len(lines), "a record stands twice"
        sections.append(frozenset(lines))
    assert position == len(wire)
    shown = frozenset(name for name, bit in _FLAGS.items() if flags & bit)
    answer, authority, additional = sections
    return Said(rcode, shown, answer, authority, additional, opt, options)


def _name(wire: bytes, position: int) -> tuple[bytes, int]:
    """Return the name at a position, in lower case, and where it ends."""
    labels = b""
    after = None
    while length := wire[position]:
        if length >= 0xC0:
            after = after or position + 2
            position = int.from_bytes(wire[position : position + 2], "big") & 0x3FFF
        else:
            labels += wire[position : position + 1 + length]
            position += 1 + length
    return (labels + b"\0").lower(), after or position + 1


def _rdata(wire: bytes, rrtype: int, start: int, end: int) -> bytes:
    before, count = _NAMES_AT.get(rrtype, (end - start, 0))
    rdata = wire[start : start + before]
    position = start + before
    for _ in range(count):
        name, position = _name(wire, position)
        rdata += name
    return rdata + wire[position:end]


def _options(rdata: bytes) -> Iterator[int]:
    position = 0
    while position < len(rdata):
        code, length = struct.unpack_from("!2H", rdata, position)
        yield code
        position += 4 + length


class Client:
    """Asks one server over UDP and TCP, one question at a time."""

    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.settimeout(_DEADLINE_SECONDS)
        self._udp.connect(self._place)
        self._tcp = socket.create_connection(self._place, _DEADLINE_SECONDS)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._udp.close()
        self._tcp.close()

    def ask(self, question: Question) -> bytes:
        """Return the reply to a question; raises TimeoutError where none comes."""
        if not question.tcp:
            self._udp.send(question.packet)
            return self._udp.recv(65535)
        packet = question.packet
        self._tcp.sendall(len(packet).to_bytes(2, "big") + packet)
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def _exactly(self, octets: int) -> bytes:
        data = b""
        while len(data) < octets:
            more = self._tcp.recv(octets - len(data))
            if not more:
                raise EOFError("the server closed the connection")
            data += more
        return data
