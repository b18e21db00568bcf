"""What a golden case is, and how its packet is made and its reply compared.

Packets are put together by hand and replies are read by dnspython, so that nothing of the server's
own codec is on either side; but for server cookies, which BIND and Knot check elsewhere.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from rrdns.dns.cookie import is_valid, server_cookie

DIRECTORY = Path(__file__).parent
IDENT = 0x5A17
RD = 0x0100
UDP_PAYLOAD = 1232
# Every run asks from here.
CLIENT = bytes([127, 0, 0, 1])
CLIENT_COOKIE = b"clientck"
COOKIE = 10

_SIGNS, _BEFORE = (
    bytes.fromhex(line) for line in (DIRECTORY / "golden.secrets").read_text().split()
)
# What a server cookie says of itself -> its secret, its age in seconds, and who it was made for.
# These stand in packets until they are sent, because the clock decides what is valid.
_MADE = {
    b"a valid cookie..": (_SIGNS, 60, CLIENT),
    b"valid but aged..": (_SIGNS, 2400, CLIENT),
    b"too old a cookie": (_SIGNS, 7200, CLIENT),
    b"from the future.": (_SIGNS, -900, CLIENT),
    b"secret of before": (_BEFORE, 60, CLIENT),
    b"foreign secret..": (bytes(16), 60, CLIENT),
    b"anothers cookie.": (_SIGNS, 60, bytes([127, 0, 0, 2])),
}
RETURNED = CLIENT_COOKIE + b"a valid cookie.."
RENEWED = tuple(CLIENT_COOKIE + words for words in _MADE if words not in RETURNED)

# (owner, TTL, type, RDATA), the owner lowercase
Line = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """One packet and the reply to it; `rcode` None is silence.

    Sections are zone-file lines with absolute names. `hit`: an executor must know the answer by
    itself. `truncated`: over UDP the reply is empty and has TC, over TCP it is whole. `opt` is
    what the reply's OPT must be, if any: its flags and its extended error. `options` are its other
    options, of which `tcp_options` come over TCP only: a client cookie stands for itself and a
    server cookie made now.
    """

    name: str
    packet: bytes
    rcode: str | None = "NOERROR"
    aa: bool = True
    answer: tuple[Line, ...] = ()
    authority: tuple[Line, ...] = ()
    additional: tuple[Line, ...] = ()
    question: bool = True
    opt: tuple[int, int | None] | None = None
    truncated: bool = False
    hit: bool = True
    options: tuple[tuple[int, bytes], ...] = ()
    tcp_options: tuple[tuple[int, bytes], ...] = ()

    def sent(self, unix_now: int) -> bytes:
        """Return the packet with the cookies of this time in it."""
        found = self.packet
        for words, (secret, age_seconds, client) in _MADE.items():
            if words in found:
                made = server_cookie(CLIENT_COOKIE, client, unix_now - age_seconds, secret)
                found = found.replace(words, made)
        return found


def wire_name(name: str) -> bytes:
    """Return a name in presentation format as a client sends it."""
    return dns.name.from_text(name).to_wire() or b""


def question(name: str, rrtype: str, rrclass: int = 1) -> bytes:
    """Return a question section."""
    return wire_name(name) + struct.pack("!2H", dns.rdatatype.from_text(rrtype), rrclass)


def opt(
    octets: int = 1232,
    *,
    flags: int = 0,
    version: int = 0,
    options: Iterable[tuple[int, bytes]] = (),
    owner: bytes = b"\0",
) -> bytes:
    """Return an OPT record (RFC 6891, section 6.1.2)."""
    data = b"".join(struct.pack("!2H", code, len(value)) + value for code, value in options)
    return owner + struct.pack("!HHBBHH", 41, octets, 0, version, flags, len(data)) + data


def packet(
    body: bytes, *, flags: int = 0, counts: tuple[int, int, int, int] = (1, 0, 0, 0)
) -> bytes:
    """Return a message with the cases' ID."""
    return struct.pack("!6H", IDENT, flags, *counts) + body


def ask(name: str, rrtype: str, *, flags: int = 0, edns: bytes = b"", rrclass: int = 1) -> bytes:
    """Return an ordinary query, with at most one OPT."""
    counts = (1, 0, 0, 1 if edns else 0)
    return packet(question(name, rrtype, rrclass) + edns, flags=flags, counts=counts)


def lines(text: str) -> tuple[Line, ...]:
    """Return zone-file lines as they are compared; each has owner, TTL, type and RDATA."""
    return tuple(sorted(map(_line, filter(None, map(str.strip, text.splitlines())))))


def _line(text: str) -> Line:
    owner, ttl, rrtype, rdata = text.split(None, 3)
    found = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(rrtype), rdata)
    return owner, int(ttl), rrtype, found.to_text()


def _section(rrsets: list[dns.rrset.RRset]) -> tuple[Line, ...]:
    return tuple(
        sorted(
            (
                rrset.name.to_text().lower(),
                rrset.ttl,
                dns.rdatatype.to_text(rrset.rdtype),
                rdata.to_text(),
            )
            for rrset in rrsets
            for rdata in rrset
        )
    )


def _records(reply: bytes) -> int:
    return sum(struct.unpack_from("!3H", reply, 6))


def check(case: Case, reply: bytes | None, *, tcp: bool, unix_now: int) -> None:
    """Compare a reply with what the case says, section by section; AssertionError tells."""
    if case.rcode is None:
        assert reply is None
        return
    assert reply is not None
    truncated = case.truncated and not tcp
    _check_header(case, reply, truncated)
    message = dns.message.from_wire(reply, one_rr_per_rrset=False)
    assert dns.rcode.to_text(message.rcode()) == case.rcode
    said = tuple(_section(part) for part in (message.answer, message.authority, message.additional))
    wanted = (case.answer, case.authority, case.additional)
    assert said == (((),) * 3 if truncated else wanted)
    # No record twice: dnspython would have read two as one.
    assert _records(reply) == sum(map(len, said)) + (message.edns >= 0)
    # The question, where there is one, is the first section.
    assert len({rrset.rdclass for part in message.sections for rrset in part}) <= 1
    _check_opt(case, message, tcp=tcp, unix_now=unix_now)
    if not tcp:
        assert len(reply) <= _limit(case)


def _check_header(case: Case, reply: bytes, truncated: bool) -> None:
    ident, flags, questions = struct.unpack_from("!3H", reply)
    asked = int.from_bytes(case.packet[2:4], "big")
    opcode = asked & 0x7800
    assert ident == IDENT
    # QR; RA, AD, CD and Z are never set; RD is the query's.
    expected = 0x8000 | opcode | (asked & RD if not opcode else 0)
    expected |= (0x0400 if case.aa else 0) | (0x0200 if truncated else 0)
    assert f"{flags & ~0xF:016b}" == f"{expected:016b}"
    assert questions == (1 if case.question else 0)
    if case.question:
        end = _question_end(case.packet)
        assert reply[12:end] == case.packet[12:end]


def _question_end(message: bytes) -> int:
    position = 12
    while message[position]:
        position += 1 + message[position]
    return position + 5


def _check_opt(case: Case, message: dns.message.Message, *, tcp: bool, unix_now: int) -> None:
    if case.opt is None:
        assert message.edns == -1
        return
    flags, ede = case.opt
    assert message.edns == 0
    assert message.payload == UDP_PAYLOAD
    assert message.ednsflags & 0xFFFF == flags
    wanted = dict(case.options) | (dict(case.tcp_options) if tcp else {})
    if ede is not None:
        wanted[15] = ede.to_bytes(2, "big")
    found = [(int(option.otype), option.to_wire() or b"") for option in message.options]
    assert [code for code, _ in found] == sorted(wanted)
    for code, data in found:
        if code == COOKIE:
            _check_cookie(data, wanted[code], case.sent(unix_now), unix_now)
        else:
            assert data == wanted[code]


def _check_cookie(found: bytes, wanted: bytes, sent: bytes, unix_now: int) -> None:
    assert found[:8] == CLIENT_COOKIE
    assert is_valid(found, CLIENT, unix_now, [_SIGNS])
    assert (found in sent) == (wanted == RETURNED)


def _limit(case: Case) -> int:
    if case.opt is None:
        return 512
    # The class of the query's OPT: the only record behind the question in these cases.
    marker = case.packet.rindex(b"\0\0\x29") if b"\0\0\x29" in case.packet else None
    if marker is None:
        return UDP_PAYLOAD
    said = int.from_bytes(case.packet[marker + 3 : marker + 5], "big")
    return min(max(said, 512), UDP_PAYLOAD)
