"""The order of checks and the choice of RCODE; the golden cases have the bytes."""

import dataclasses
import struct

import pytest
from support.dns_worlds import contents, host, snapshot

from rrdns.dns.message import Reply
from rrdns.dns.options import Asker, Transport
from rrdns.dns.query import Edns, Query
from rrdns.dns.responder import answer, respond
from rrdns.model import Snapshot
from rrdns.names import Name, from_text
from rrdns.rrtypes import (
    BADVERS,
    FORMERR,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    REFUSED,
    TXT,
    A,
    type_number,
)

TEXT = "\n".join(f'text TXT "{"t" * 200}{number}"' for number in range(8))

NOBODY = Asker(Transport.TCP)


@pytest.fixture(scope="module")
def world() -> Snapshot:
    zone = contents(
        f"www A 192.0.2.1\nsub NS ns.other.test.\nto-sub CNAME sub\nto-gone CNAME gone\n{TEXT}",
        "test.",
        {"mx1": host("mx1.test.", "192.0.2.1", "192.0.2.2")},
    )
    return snapshot({"test.": zone}, udp_payload=1000)


def still(_host: Name, _rrtype: int) -> int:
    return 0


def query(name: str, rrtype: int = A, rrclass: int = 1, **more: int) -> Query:
    return Query(1, more.get("opcode", 0), False, b"?", from_text(name), rrtype, rrclass,
                 None, more.get("error"))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rcode", "authoritative", "ede"),
    [
        ("www.test.", NOERROR, True, None),
        ("test.", NOERROR, True, None),
        ("nothere.test.", NXDOMAIN, True, None),
        ("to-gone.test.", NXDOMAIN, True, None),
        ("sub.test.", NOERROR, False, None),
        ("to-sub.test.", NOERROR, True, None),
        ("elsewhere.", REFUSED, False, 20),
    ],
)
def test_rcode_and_aa(
    world: Snapshot, name: str, rcode: int, authoritative: bool, ede: int | None
) -> None:
    reply = answer(query(name), world, NOBODY, still)
    assert (reply.rcode, reply.authoritative, reply.ede) == (rcode, authoritative, ede)


def test_sections_are_the_outcomes(world: Snapshot) -> None:
    reply = answer(query("www.test."), world, NOBODY, still)
    assert (len(reply.answer), reply.authority, reply.additional) == (1, (), ())
    assert len(answer(query("to-sub.test."), world, NOBODY, still).answer) == 1
    assert len(answer(query("to-sub.test."), world, NOBODY, still).authority) == 1


@pytest.mark.parametrize(
    ("opcode", "rcode"),
    [(1, NOTIMP), (2, NOTIMP), (3, NOTIMP), (4, REFUSED), (5, REFUSED), (6, NOTIMP), (15, NOTIMP)],
)
def test_the_opcode_comes_first(world: Snapshot, opcode: int, rcode: int) -> None:
    for error in (None, FORMERR, BADVERS):
        more = {} if error is None else {"error": error}
        assert answer(
            query("www.test.", rrclass=3, opcode=opcode, **more), world, NOBODY, still
        ).rcode == (rcode)


@pytest.mark.parametrize("error", [FORMERR, BADVERS])
def test_then_what_the_scanner_found(world: Snapshot, error: int) -> None:
    assert answer(query("www.test.", 249, 3, error=error), world, NOBODY, still).rcode == error


@pytest.mark.parametrize("rrclass", [0, 2, 3, 4, 254, 255, 256])
def test_then_the_class(world: Snapshot, rrclass: int) -> None:
    reply = answer(query("www.test.", 249, rrclass), world, NOBODY, still)
    assert (reply.rcode, reply.ede) == (REFUSED, None)


@pytest.mark.parametrize(
    ("rrtype", "rcode"),
    [("AXFR", REFUSED), ("IXFR", REFUSED), ("MAILA", NOTIMP), ("MAILB", NOTIMP),
     ("OPT", FORMERR), ("TKEY", FORMERR), ("TSIG", FORMERR)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["www.test.", "elsewhere."])
def test_then_the_type_and_last_the_zone(
    world: Snapshot, name: str, rrtype: str, rcode: int
) -> None:
    reply = answer(query(name, type_number(rrtype)), world, NOBODY, still)
    assert (reply.rcode, reply.ede, reply.authoritative) == (rcode, None, False)


def _text_query(edns: Edns | None) -> bytes:
    opt = b"" if edns is None else struct.pack("!BHHIH", 0, 41, edns.udp_octets, 0, 0)
    head = struct.pack("!6H", 1, 0, 1, 0, 0, 1 if opt else 0)
    return head + from_text("text.test.") + struct.pack("!2H", TXT, 1) + opt


@pytest.mark.parametrize(
    ("octets", "transport", "truncated"),
    [
        (None, Transport.UDP, True),
        (4096, Transport.UDP, True),
        (None, Transport.TCP, False),
        (512, Transport.TCP, False),
    ],
)
def test_only_udp_has_a_limit(
    world: Snapshot, octets: int | None, transport: Transport, truncated: bool
) -> None:
    edns = None if octets is None else Edns(0, octets, False, ())
    reply = respond(_text_query(edns), world, Asker(transport), rotation=still)
    assert reply is not None
    assert bool(reply[2] & 0x02) is truncated
    assert (len(reply) < 512) is truncated
    if edns is not None:
        # Our own size, whoever asks.
        assert reply[reply.rindex(b"\0\0\x29") + 3 :][:2] == (1000).to_bytes(2, "big")


def test_silence(world: Snapshot) -> None:
    for packet in (b"", b"\0" * 11, _text_query(None)[:2] + b"\x80" + _text_query(None)[3:]):
        assert respond(packet, world, Asker(Transport.UDP), rotation=still) is None


def test_without_a_question_there_is_nothing_to_say(world: Snapshot) -> None:
    # The scanner lets this through only with a cookie (RFC 7873, section 5.4).
    assert answer(Query(1, 0, False), world, NOBODY, still) == Reply(NOERROR)
    packet = struct.pack("!6H", 1, 0, 0, 0, 0, 1) + struct.pack("!BHHIH", 0, 41, 512, 0, 12)
    reply = respond(packet + b"\0\x0a\0\x08cccccccc", world, NOBODY, rotation=still)
    assert reply is not None
    assert reply[:12] == struct.pack("!6H", 1, 0x8000, 0, 0, 0, 1)


def test_class_ch_tells_of_the_server(world: Snapshot) -> None:
    named = dataclasses.replace(world, identity=b"node")
    assert answer(query("id.server.", TXT, 3), named, NOBODY, still).answer[0].rdata == b"\4node"
    # The class comes before the type: nobody transfers a zone of class CH.
    assert answer(query("id.server.", type_number("AXFR"), 3), named, NOBODY, still).rcode == (
        NOERROR
    )
    assert answer(query("id.server.", TXT, 4), named, NOBODY, still).rcode == REFUSED
