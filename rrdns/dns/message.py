"""Bytes to Query and Reply to bytes.

The only importer of dnslib, which encodes records here; it does not read packets, because its
parser accepts what a server must refuse. The scanner is strict and never raises: a malformed
packet is a Query whose `error` is the RCODE to answer with.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dnslib

from rrdns import names
from rrdns.names import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, Name
from rrdns.rrtypes import BADVERS, CLASS_IN, CNAME, FORMERR, MX, NS, OPT, PTR, SOA

HEADER_OCTETS = 12
MIN_UDP_OCTETS = 512
MAX_MESSAGE_OCTETS = 65535
OPCODE_QUERY = 0
EDE_NOT_AUTHORITATIVE = 20

_OPTION_EDE = 15
_OPTION_COOKIE = 10
_FLAG_QR = 0x8000
_FLAG_AA = 0x0400
_FLAG_TC = 0x0200
_FLAG_RD = 0x0100
_FLAG_DO = 0x8000
_MAX_POINTER = 0x3FFF


@dataclass(frozen=True, slots=True)
class Edns:
    """What the OPT record of a query says (RFC 6891, section 6.1)."""

    version: int
    udp_octets: int
    dnssec_ok: bool
    options: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A packet with a header that asks: whatever of it could be read, and what is wrong with it.

    `question` is the packet's own question section (the case of the name kept), empty where it
    could not be read or there is none. `name` is lowercase. `error` is an RCODE or None.
    """

    ident: int
    opcode: int
    recursion_desired: bool
    question: bytes = b""
    name: Name = names.ROOT
    rrtype: int = 0
    rrclass: int = 0
    edns: Edns | None = None
    error: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record of class IN; `rdata` is uncompressed.

    `rname_in_owner`: a SOA whose RNAME ends in the owner name, written as a pointer to it, so
    that the replies of all names with the same profile are alike.
    """

    owner: Name
    rrtype: int
    ttl_seconds: int
    rdata: bytes
    rname_in_owner: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is bytes; `ede` is an extended error's INFO-CODE (RFC 8914)."""

    rcode: int
    authoritative: bool = False
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    ede: int | None = None


# --- reading ----------------------------------------------------------------------------------


def scan(packet: bytes) -> Query | None:
    """Read a packet; None for what gets no reply: under 12 octets, or a response (QR=1).

    Checks the question, the framing of every record, and the OPT (RFC 6891, section 6.1.1: one,
    with the root as owner, in the additional section). The first error in the design's order
    wins, but reading goes on, so that a reply can repeat the question and carry an OPT.
    """
    if len(packet) < HEADER_OCTETS or packet[2] & 0x80:
        return None
    ident, flags, qdcount, *counts = struct.unpack_from("!6H", packet)
    opcode = flags >> 11 & 15
    recursion_desired = opcode == OPCODE_QUERY and bool(flags & _FLAG_RD)
    if qdcount > 1:
        return Query(ident, opcode, recursion_desired, error=FORMERR)
    question, name, rrtype, rrclass = b"", names.ROOT, 0, 0
    position = HEADER_OCTETS
    if qdcount:
        end = _question_end(packet)
        if end is None:
            return Query(ident, opcode, recursion_desired, error=FORMERR)
        question = packet[HEADER_OCTETS:end]
        name = question[:-4].lower()
        rrtype, rrclass = struct.unpack_from("!2H", packet, end - 4)
        position = end
    edns, error = _scan_records(packet, position, counts)
    if not qdcount:
        error = FORMERR
    elif error is None and edns is not None and edns.version:
        error = BADVERS
    elif error is None and edns is not None and not _cookie_lengths_fit(edns):
        error = FORMERR
    return Query(ident, opcode, recursion_desired, question, name, rrtype, rrclass, edns, error)


def _question_end(packet: bytes) -> int | None:
    # A pointer has nothing to point to in a question, and RFC 1035 names end within 255 octets.
    position = HEADER_OCTETS
    while position < len(packet):
        length = packet[position]
        position += 1 + length
        if not length:
            end = position + 4
            fits = position - HEADER_OCTETS <= MAX_NAME_OCTETS and end <= len(packet)
            return end if fits else None
        if length > MAX_LABEL_OCTETS:
            return None
    return None


def _skip_name(packet: bytes, position: int) -> int | None:
    while position < len(packet):
        length = packet[position]
        if length >= 0xC0:
            return position + 2
        if length > MAX_LABEL_OCTETS:
            return None
        position += 1 + length
        if not length:
            return position
    return None


def _scan_records(
    packet: bytes, position: int, counts: Sequence[int]
) -> tuple[Edns | None, int | None]:
    edns: Edns | None = None
    for section, count in enumerate(counts):
        for _ in range(count):
            start = position
            after = _skip_name(packet, position)
            if after is None or after + 10 > len(packet):
                return edns, FORMERR
            rrtype, rrclass, ttl, length = struct.unpack_from("!HHIH", packet, after)
            position = after + 10 + length
            if position > len(packet):
                return edns, FORMERR
            if rrtype == OPT:
                options = _options(packet[after + 10 : position])
                if edns is not None or section != 2 or packet[start] or options is None:
                    return edns, FORMERR
                edns = Edns(ttl >> 16 & 255, rrclass, bool(ttl & _FLAG_DO), options)
    return edns, None if position == len(packet) else FORMERR


def _options(rdata: bytes) -> tuple[tuple[int, bytes], ...] | None:
    found = []
    position = 0
    while position < len(rdata):
        if position + 4 > len(rdata):
            return None
        code, length = struct.unpack_from("!2H", rdata, position)
        position += 4 + length
        if position > len(rdata):
            return None
        found.append((code, rdata[position - length : position]))
    return tuple(found)


def _cookie_lengths_fit(edns: Edns) -> bool:
    # RFC 7873, section 5.2.2: 8 octets, or 8 and a server cookie of 8 to 32.
    return all(
        len(data) == 8 or 16 <= len(data) <= 40
        for code, data in edns.options
        if code == _OPTION_COOKIE
    )


# --- writing ----------------------------------------------------------------------------------


class _Buffer(dnslib.DNSBuffer):  # type: ignore[misc]
    """dnslib's buffer with our rule of compression (RFC 1035, section 4.1.4).

    Owner names may point anywhere before them, names in RDATA only to other names after the
    question: otherwise they would take on the case of the client's QNAME, and the replies for
    two names of one profile would differ in more than offsets. `pointers` lists where pointers
    stand.
    """

    def __init__(self, header: bytes, question: bytes) -> None:
        super().__init__(header + question)
        self.offset = len(self.data)
        self.pointers: list[int] = []
        self.in_question: dict[tuple[bytes, ...], int] = {}
        if question:
            name = question[:-4].lower()
            labels = tuple(names.labels(name))
            for index, offset in enumerate(names.suffix_offsets(name)):
                self.in_question[labels[index:]] = HEADER_OCTETS + offset
            del self.in_question[()]

    def encode_owner(self, owner: Name) -> None:
        """Write the owner name of a record."""
        self._encode(tuple(names.labels(owner)), self.in_question)

    def encode_name(self, name: Any) -> None:
        """Write a name inside RDATA; dnslib's record classes call this."""
        self._encode(tuple(name.label), {})

    def encode_below_owner(self, name: Name, owner: Name) -> None:
        """Write a name that ends in `owner`, its end as a pointer to where the owner stands."""
        head = names.labels(name)[: -len(names.labels(owner))]
        for label in head:
            self._label(label)
        self.encode_owner(owner)

    def _encode(self, labels: tuple[bytes, ...], known: dict[tuple[bytes, ...], int]) -> None:
        while labels:
            key = tuple(label.lower() for label in labels)
            pointer = self.names.get(key) or known.get(key)
            if pointer:
                self.pointers.append(self.offset)
                self.pack("!H", 0xC000 | pointer)
                return
            if self.offset <= _MAX_POINTER:
                self.names[key] = self.offset
            self._label(labels[0])
            labels = labels[1:]
        self.append(b"\0")

    def _label(self, label: bytes) -> None:
        self.append(bytes([len(label)]) + label)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A reply in wire format, whole whatever its size, and the offsets of its pointers."""

    wire: bytes
    pointers: tuple[int, ...]


def encode_records(query: Query, reply: Reply) -> Encoded:
    """Return header, question and records of a reply, without an OPT and of any size."""
    flags = _FLAG_QR | query.opcode << 11 | reply.rcode & 15
    flags |= _FLAG_AA if reply.authoritative else 0
    flags |= _FLAG_RD if query.recursion_desired else 0
    sections = (reply.answer, reply.authority, reply.additional)
    header = struct.pack("!6H", query.ident, flags, 1 if query.question else 0, *map(len, sections))
    buffer = _Buffer(header, query.question)
    for section in sections:
        for record in section:
            _encode_record(buffer, record)
    return Encoded(bytes(buffer.data), tuple(buffer.pointers))


def _encode_record(buffer: _Buffer, record: Record) -> None:
    buffer.encode_owner(record.owner)
    buffer.pack("!HHI", record.rrtype, CLASS_IN, record.ttl_seconds)
    length_at = buffer.offset
    buffer.pack("!H", 0)
    start = buffer.offset
    _encode_rdata(buffer, record)
    buffer.update(length_at, "!H", buffer.offset - start)


def _encode_rdata(buffer: _Buffer, record: Record) -> None:
    # Only the types of RFC 1035 may be compressed (RFC 3597, section 4).
    rdata = record.rdata
    if record.rrtype in (NS, CNAME, PTR):
        dnslib.NS(_label(rdata)).pack(buffer)
    elif record.rrtype == MX:
        dnslib.MX(_label(rdata[2:]), int.from_bytes(rdata[:2], "big")).pack(buffer)
    elif record.rrtype == SOA:
        mname, rname, timers = soa_parts(rdata)
        buffer.encode_name(_label(mname))
        if record.rname_in_owner:
            buffer.encode_below_owner(rname, record.owner)
        else:
            buffer.encode_name(_label(rname))
        buffer.append(timers)
    else:
        dnslib.RD(rdata).pack(buffer)


def _label(name: Name) -> Any:
    return dnslib.DNSLabel(names.labels(name))


def soa_parts(rdata: bytes) -> tuple[Name, Name, bytes]:
    """Return MNAME, RNAME and the 20 octets of numbers of a SOA's RDATA."""
    *_, root = names.suffix_offsets(rdata)
    return rdata[: root + 1], rdata[root + 1 : -20], rdata[-20:]


def opt_record(
    udp_payload: int, *, dnssec_ok: bool = False, extended_rcode: int = 0, ede: int | None = None
) -> bytes:
    """Return the OPT record of a reply: our size, DO repeated and no other flag, options."""
    options = b"" if ede is None else struct.pack("!3H", _OPTION_EDE, 2, ede)
    return (
        struct.pack(
            "!BHHBBHH",
            0,
            OPT,
            udp_payload,
            extended_rcode,
            0,
            _FLAG_DO if dnssec_ok else 0,
            len(options),
        )
        + options
    )


def limit_octets(edns: Edns | None, udp_payload: int) -> int:
    """Return the largest UDP reply for a query (RFC 6891, section 6.2.3: under 512 is 512)."""
    if edns is None:
        return MIN_UDP_OCTETS
    return min(max(edns.udp_octets, MIN_UDP_OCTETS), udp_payload)


def finish(query: Query, reply: Reply, encoded: bytes, *, limit: int, udp_payload: int) -> bytes:
    """Add the OPT that the query asks for, and empty a reply over `limit` octets with TC.

    `limit` is the transport's: `limit_octets` over UDP, 65535 over TCP.
    """
    opt = b""
    if query.edns is not None:
        opt = opt_record(
            udp_payload,
            dnssec_ok=query.edns.dnssec_ok,
            extended_rcode=reply.rcode >> 4,
            ede=reply.ede,
        )
    if len(encoded) + len(opt) > limit:
        flags = int.from_bytes(encoded[2:4], "big") | _FLAG_TC
        head = encoded[:2] + flags.to_bytes(2, "big") + encoded[4:6] + bytes(6)
        encoded = head + query.question
    if not opt:
        return encoded
    additional = int.from_bytes(encoded[10:12], "big") + 1
    return encoded[:10] + additional.to_bytes(2, "big") + encoded[12:] + opt
