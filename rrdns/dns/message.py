"""Query and Reply to bytes, by dnslib, which only this file imports.

dnslib encodes the records; the header, the question and the OPT are ours, because it would set RA
and invent a question. Its rule of compression is replaced by our own.
"""

import struct
from dataclasses import dataclass
from typing import Any

import dnslib

from rrdns import names
from rrdns.dns.query import HEADER_OCTETS, Query, opt_of
from rrdns.names import Name
from rrdns.rrtypes import CLASS_IN, CNAME, MX, NS, OPT, PTR, SOA

MAX_MESSAGE_OCTETS = 65535

_FLAG_QR = 0x8000
_FLAG_AA = 0x0400
_FLAG_TC = 0x0200
_FLAG_RD = 0x0100
_FLAG_DO = 0x8000
_MAX_POINTER = 0x3FFF


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record; `rdata` is uncompressed.

    `rname_in_owner`: a SOA whose RNAME ends in the owner name, written as a pointer to it, so
    that the replies of all names with the same profile are alike.
    """

    owner: Name
    rrtype: int
    ttl_seconds: int
    rdata: bytes
    rname_in_owner: bool = False
    rrclass: int = CLASS_IN


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is bytes; `ede` is an extended error's INFO-CODE (RFC 8914)."""

    rcode: int
    authoritative: bool = False
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    ede: int | None = None


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
        for label in names.labels(name[: len(name) - len(owner)]):
            self._label(label)
        self.encode_owner(owner)

    def _encode(self, labels: tuple[bytes, ...], known: dict[tuple[bytes, ...], int]) -> None:
        while labels:
            key = tuple(label.lower() for label in labels)
            # The question first: where an owner name points must not hang on what names a
            # profile's RDATA happens to have.
            pointer = known.get(key) or self.names.get(key)
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
    buffer.pack("!HHI", record.rrtype, record.rrclass, record.ttl_seconds)
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
    udp_payload: int, *, dnssec_ok: bool = False, extended_rcode: int = 0, options: bytes = b""
) -> bytes:
    """Return the OPT record of a reply: our size, DO repeated and no other flag, options."""
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


def truncate(query: Query, encoded: bytes) -> bytes:
    """Return a reply's header with TC, the question, and of the records at most the OPT."""
    flags = int.from_bytes(encoded[2:4], "big") | _FLAG_TC
    opt = opt_of(encoded, HEADER_OCTETS + len(query.question))
    counts = encoded[4:6] + bytes(4) + (1 if opt else 0).to_bytes(2, "big")
    return encoded[:2] + flags.to_bytes(2, "big") + counts + query.question + opt


def finish(
    query: Query, reply: Reply, encoded: bytes, *, limit: int, udp_payload: int, options: bytes
) -> bytes:
    """Add the OPT that the query asks for, and empty a reply over `limit` octets with TC.

    `limit` is the transport's: `limit_octets` over UDP, 65535 over TCP. `options` are the OPT's.
    """
    opt = b""
    if query.edns is not None:
        opt = opt_record(
            udp_payload,
            dnssec_ok=query.edns.dnssec_ok,
            extended_rcode=reply.rcode >> 4,
            options=options,
        )
    if opt:
        additional = int.from_bytes(encoded[10:12], "big") + 1
        encoded = encoded[:10] + additional.to_bytes(2, "big") + encoded[12:] + opt
    return truncate(query, encoded) if len(encoded) > limit else encoded
