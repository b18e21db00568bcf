"""Bytes to Query: a strict scanner for header, question and OPT.

It never raises: a malformed packet is a Query whose `error` is the RCODE to answer with. dnslib's
parser does neither: it raises, and it accepts much that a server must refuse.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from rrdns import names
from rrdns.names import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, Name
from rrdns.rrtypes import BADVERS, FORMERR, OPT

HEADER_OCTETS = 12
MIN_UDP_OCTETS = 512
_MAX_IPV6_OCTETS = 1280 - 40 - 8
OPCODE_QUERY = 0

OPTION_NSID = 3
OPTION_COOKIE = 10
OPTION_KEEPALIVE = 11

_FLAG_RD = 0x0100
_FLAG_DO = 0x8000


@dataclass(frozen=True, slots=True)
class Edns:
    """What the OPT record of a query says (RFC 6891, section 6.1)."""

    version: int
    udp_octets: int
    dnssec_ok: bool
    options: tuple[tuple[int, bytes], ...]

    @property
    def first_options(self) -> dict[int, bytes]:
        """The options by code; of several with one code the first."""
        return dict(reversed(self.options))

    @property
    def cookie(self) -> bytes | None:
        """The data of the COOKIE option; only the first counts (RFC 7873, section 5.2)."""
        return self.first_options.get(OPTION_COOKIE)


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
        # RFC 9619: no query has two questions; but an OPT is answered with an OPT.
        after = _skip_questions(packet, qdcount)
        edns = None if after is None else _scan_records(packet, after, counts)[0]
        return Query(ident, opcode, recursion_desired, edns=edns, error=FORMERR)
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
    if not qdcount and (edns is None or edns.cookie is None):
        # Without a question only a cookie can be asked for (RFC 7873, section 5.4).
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


def _skip_questions(packet: bytes, count: int) -> int | None:
    position = HEADER_OCTETS
    for _ in range(count):
        after = _skip_name(packet, position)
        if after is None:
            return None
        position = after + 4
    return position


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


def opt_of(message: bytes, position: int) -> bytes:
    """Return the OPT record of a well-formed message, empty where it has none.

    `position` is where its records begin. Only the last record of a reply can be one.
    """
    start = position
    for _ in range(sum(struct.unpack_from("!3H", message, 6))):
        start = position
        after = _skip_name(message, position) or position
        position = after + 10 + int.from_bytes(message[after + 8 : after + 10], "big")
    return message[start:] if message[start : start + 3] == b"\0\0\x29" else b""


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
    return edns.cookie is None or len(edns.cookie) == 8 or 16 <= len(edns.cookie) <= 40


def limit_octets(edns: Edns | None, udp_payload: int, *, ipv6: bool = False) -> int:
    """Return the largest UDP reply for a query (RFC 6891, section 6.2.3: under 512 is 512).

    Over IPv6 it fits the minimum MTU of 1280 octets, whatever `udp_payload` says (RFC 8200,
    section 5): no router on the way may fragment it.
    """
    if edns is None:
        return MIN_UDP_OCTETS
    limit = min(max(edns.udp_octets, MIN_UDP_OCTETS), udp_payload)
    return min(limit, _MAX_IPV6_OCTETS) if ipv6 else limit
