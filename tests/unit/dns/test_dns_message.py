"""Replies to bytes: compression, flags, OPT, truncation; read back by dnspython."""

import struct
from typing import Any

import dns.flags
import dns.message
import dns.rdataclass
import pytest

from rrdns.dns.message import (
    Record,
    Reply,
    encode_records,
    finish,
    opt_record,
    soa_parts,
    truncate,
)
from rrdns.dns.query import Edns, Query
from rrdns.names import ROOT, Name, from_text
from rrdns.rrtypes import BADVERS, CNAME, MX, NOERROR, NS, NXDOMAIN, PTR, REFUSED, SOA, TXT, A

QNAME = b"\3WwW\4TeSt\0"
OWNER = QNAME.lower()
APEX = from_text("test.")
TIMERS = struct.pack("!5I", 1, 2, 3, 4, 5)


def query(
    name: Name = QNAME, *, rd: bool = False, edns: Edns | None = None, opcode: int = 0
) -> Query:
    question = name + b"\0\1\0\1"
    return Query(0xABCD, opcode, rd, question, name.lower(), 1, 1, edns)


def encoded(reply: Reply, asked: Query | None = None) -> bytes:
    return encode_records(asked or query(), reply).wire


def text(wire: bytes) -> list[str]:
    message = dns.message.from_wire(wire)
    return [
        line
        for section in (message.answer, message.authority, message.additional)
        for rrset in section
        for line in rrset.to_text().splitlines()
    ]


@pytest.mark.parametrize("authoritative", [False, True])
@pytest.mark.parametrize("rd", [False, True])
@pytest.mark.parametrize("rcode", [NOERROR, NXDOMAIN, REFUSED])
def test_the_header(authoritative: bool, rd: bool, rcode: int) -> None:
    wire = encoded(Reply(rcode, authoritative), query(rd=rd))
    flags = 0x8000 | authoritative << 10 | rd << 8 | rcode
    assert wire == struct.pack("!6H", 0xABCD, flags, 1, 0, 0, 0) + QNAME + b"\0\1\0\1"


def test_the_opcode_is_copied() -> None:
    assert encoded(Reply(REFUSED), query(opcode=5))[2:4] == b"\xa8\5"


def test_without_a_question_there_is_none() -> None:
    asked = Query(1, 0, False, error=1)
    assert encoded(Reply(1), asked) == struct.pack("!6H", 1, 0x8001, 0, 0, 0, 0)


def test_the_upper_bits_of_an_rcode_are_the_opts() -> None:
    assert encoded(Reply(BADVERS))[3] == 0


def test_sections_are_counted_apart() -> None:
    record = Record(OWNER, A, 60, b"\1\2\3\4")
    wire = encoded(Reply(0, True, (record,), (record,) * 2, (record,) * 3))
    assert struct.unpack_from("!4H", wire, 4) == (1, 1, 2, 3)


def test_owners_point_into_the_question() -> None:
    records = (Record(OWNER, A, 60, b"\1\2\3\4"), Record(APEX, A, 60, b"\1\2\3\5"))
    found = encode_records(query(), Reply(0, True, records))
    body = found.wire[12 + len(QNAME) + 4 :]
    assert body == (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4\xc0\x10\0\1\0\1\0\0\0\x3c\0\4\1\2\3\5")
    assert found.pointers == (26, 42)


@pytest.mark.parametrize(("rrtype", "head"), [(NS, b""), (CNAME, b""), (PTR, b""), (MX, b"\0\x0a")])
def test_names_in_rdata_share_ends_but_never_with_the_question(rrtype: int, head: bytes) -> None:
    names = [b"\3Mx1\4test\0", b"\3mx2\4TEST\0", b"\3mx1\4test\0"]
    records = tuple(Record(OWNER, rrtype, 60, head + name) for name in names)
    found = encode_records(query(), Reply(0, True, records))
    body = found.wire[12 + len(QNAME) + 4 :]
    # The first stands whole in its own case, the second shares `test`, the third all.
    assert body.count(b"test\0") == 1
    assert b"\3Mx1" in body
    assert b"\3mx2\xc0" in body
    assert len(found.pointers) == 3 + 2
    assert struct.unpack_from("!4H", found.wire, 4) == (1, 3, 0, 0)
    assert dns.message.from_wire(found.wire).answer


def test_an_owner_points_into_the_question_even_when_rdata_has_it_too() -> None:
    # A domain whose name server lies in it: where owners point must not depend on that.
    record = Record(APEX, SOA, 60, APEX + b"\4root" + APEX + TIMERS, rname_in_owner=True)
    found = encode_records(query(APEX), Reply(0, True, (), (record, record)))
    pointers = [found.wire[offset + 1] for offset in found.pointers]
    body = 12 + len(APEX) + 4
    assert pointers == [12, 12, 12, body + 12, 12]


@pytest.mark.parametrize("apex", [APEX, ROOT])
def test_the_rname_of_a_profile_ends_in_the_owner(apex: Name) -> None:
    rdata = from_text("ns.other.") + b"\4root" + apex + TIMERS
    plain, shared = (
        encoded(Reply(0, True, (), (Record(apex, SOA, 60, rdata, in_owner),)), query(apex))
        for in_owner in (False, True)
    )
    assert text(plain) == text(shared)
    rname = "root." if apex == ROOT else "root.test."
    assert text(shared)[0].endswith(f"SOA ns.other. {rname} 1 2 3 4 5")


def test_other_types_are_never_compressed() -> None:
    # RFC 3597, section 4: a name in SRV stays whole.
    record = Record(OWNER, 33, 60, b"\0\1\0\2\0\3" + OWNER)
    assert encoded(Reply(0, True, (record,))).endswith(b"\0\x10\0\1\0\2\0\3" + OWNER)


def test_names_too_far_for_a_pointer_stand_whole() -> None:
    far = tuple(Record(OWNER, TXT, 60, b"\xff" + b"t" * 255) for _ in range(65))
    hosts = tuple(
        Record(OWNER, MX, 60, bytes([0, number]) + from_text("a.b.")) for number in (1, 2)
    )
    wire = encoded(Reply(0, True, far + hosts))
    assert len(wire) > 0x4000
    assert wire.count(from_text("a.b.")) == 2
    assert text(wire)[-1].endswith("MX 2 a.b.")


def test_the_parts_of_a_soa() -> None:
    mname, rname = from_text("ns.test."), from_text("root.test.")
    assert soa_parts(mname + rname + TIMERS) == (mname, rname, TIMERS)
    assert soa_parts(ROOT + ROOT + TIMERS) == (ROOT, ROOT, TIMERS)


@pytest.mark.parametrize(
    ("arguments", "wire"),
    [
        ({}, "00 0029 04d0 00 00 0000 0000"),
        ({"dnssec_ok": True}, "00 0029 04d0 00 00 8000 0000"),
        ({"extended_rcode": 1}, "00 0029 04d0 01 00 0000 0000"),
        ({"options": b"\0\3\0\1x"}, "00 0029 04d0 00 00 0000 0005 0003 0001 78"),
    ],
)
def test_our_opt(arguments: dict[str, Any], wire: str) -> None:
    assert opt_record(1232, **arguments) == bytes.fromhex(wire)


EDNS = Edns(0, 4096, True, ((3, b"x"),))
ADDRESS = Record(OWNER, A, 60, b"\1\2\3\4")


@pytest.mark.parametrize("edns", [None, EDNS])
def test_an_opt_answers_an_opt(edns: Edns | None) -> None:
    asked = query(edns=edns)
    reply = Reply(REFUSED, additional=(ADDRESS,), ede=20)
    ede = b"\0\x0f\0\2\0\x14"
    wire = finish(asked, reply, encoded(reply, asked), limit=512, udp_payload=1232, options=ede)
    message = dns.message.from_wire(wire)
    assert struct.unpack_from("!H", wire, 10) == (1 if edns is None else 2,)
    assert message.edns == (-1 if edns is None else 0)
    if edns is not None:
        assert (message.payload, message.ednsflags) == (1232, 0x8000)
        assert [option.otype for option in message.options] == [15]


def test_badvers_is_told_by_opt_and_header() -> None:
    asked = query(edns=EDNS)
    reply = Reply(BADVERS)
    wire = finish(asked, reply, encoded(reply, asked), limit=512, udp_payload=1232, options=b"")
    assert dns.message.from_wire(wire).rcode() == BADVERS


@pytest.mark.parametrize("edns", [None, EDNS])
def test_a_reply_over_the_limit_is_emptied_the_opt_counted(edns: Edns | None) -> None:
    asked = query(edns=edns, rd=True)
    reply = Reply(0, True, (ADDRESS,), (ADDRESS,), (ADDRESS,))
    records = encoded(reply, asked)
    whole = len(records) + (0 if edns is None else 11)
    fits = finish(asked, reply, records, limit=whole, udp_payload=1232, options=b"")
    assert len(fits) == whole
    assert not dns.message.from_wire(fits).flags & dns.flags.TC
    cut = dns.message.from_wire(
        finish(asked, reply, records, limit=whole - 1, udp_payload=1232, options=b"")
    )
    assert cut.flags == dns.flags.QR | dns.flags.AA | dns.flags.TC | dns.flags.RD
    assert (cut.answer, cut.authority, cut.additional) == ([], [], [])
    assert cut.edns == (-1 if edns is None else 0)
    assert cut.question == dns.message.from_wire(fits).question


def test_a_reply_can_be_emptied_afterwards() -> None:
    asked = query(edns=EDNS)
    reply = Reply(0, True, (ADDRESS,))
    wire = finish(asked, reply, encoded(reply, asked), limit=512, udp_payload=1232, options=b"")
    cut = dns.message.from_wire(truncate(asked, wire))
    assert (cut.answer, cut.edns, cut.ednsflags) == ([], 0, 0x8000)
    assert cut.flags == dns.flags.QR | dns.flags.AA | dns.flags.TC


def test_a_record_may_be_of_class_ch() -> None:
    record = Record(OWNER, TXT, 0, b"\2me", rrclass=3)
    asked = Query(0xABCD, 0, False, QNAME + b"\0\x10\0\3", OWNER, TXT, 3)
    wire = encoded(Reply(NOERROR, True, (record,)), asked)
    message = dns.message.from_wire(wire)
    assert message.answer[0].rdclass == dns.rdataclass.CH
