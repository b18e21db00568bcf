"""Presentation format to RDATA, and zone files with every problem at its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdns.dns.zonefile import FileRRset, parse_rdata, parse_zone_file, rdata_text
from rrdns.errors import Problem
from rrdns.model import RRset
from rrdns.names import from_text, to_text
from rrdns.rrtypes import type_number, type_text

ORIGIN = from_text("zone.test.")


@pytest.mark.parametrize(
    ("rrtype", "text", "wire"),
    [
        ("A", "192.0.2.1", b"\xc0\0\2\1"),
        ("AAAA", "2001:db8::1", bytes.fromhex("20010db8000000000000000000000001")),
        ("MX", "10 mx1", b"\0\x0a\3mx1" + ORIGIN),
        ("MX", "10 Mx1.Other.", b"\0\x0a\3Mx1\5Other\0"),
        ("MX", "0 .", b"\0\0\0"),
        ("NS", "@", ORIGIN),
        ("SRV", "1 2 3 www", b"\0\1\0\2\0\3\3www" + ORIGIN),
        ("TXT", '"a b" c', b"\3a b\1c"),
        ("TXT", '"\\"\\\\\\255"', b'\3"\\\xff'),
        ("CAA", '0 issue "ca.test"', b"\0\5issueca.test"),
        ("TYPE65280", "\\# 4 0A 00 00 01", b"\x0a\0\0\1"),
        ("TYPE65280", "\\# 0", b""),
        ("A", "\\# 4 C0000201", b"\xc0\0\2\1"),
        ("MX", "\\# 7 000A 036D783100", b"\0\x0a\3mx1\0"),
        ("CNAME", "straße.test.", b"\x0dxn--strae-oqa\4test\0"),
    ],
)
def test_rdata(rrtype: str, text: str, wire: bytes) -> None:
    assert parse_rdata(type_number(rrtype), text, ORIGIN) == wire


@pytest.mark.parametrize(
    ("rrtype", "text", "message"),
    [
        ("A", "192.0.2", "not the data of a A record: "),
        ("A", "192.0.2.1 192.0.2.2", "not the data of a A record: "),
        ("A", "", "not the data of a A record: "),
        ("MX", "mx1", "not the data of a MX record: "),
        ("MX", "70000 mx1", "not the data of a MX record: "),
        ("TXT", '"open', "not the data of a TXT record: "),
        ("NS", "a..b", "not the data of a NS record: "),
        ("TYPE65280", "4 0A000001", "not the data of a TYPE65280 record: "),
        ("TYPE65280", "\\# 5 0A000001", "not the data of a TYPE65280 record: "),
        ("A", "\\# 5 C000020101", "not the data of a A record: "),
        ("OPT", "", "OPT is not a type that a zone can hold"),
        ("ANY", "x", "ANY is not a type that a zone can hold"),
        ("AXFR", "x", "AXFR is not a type that a zone can hold"),
        ("TYPE0", "\\# 0", "TYPE0 is not a type that a zone can hold"),
        ("TYPE128", "\\# 0", "TYPE128 is not a type that a zone can hold"),
    ],
)
def test_what_is_no_rdata(rrtype: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_rdata(type_number(rrtype), text, ORIGIN)
    # There is always a reason.
    assert not str(caught.value).endswith(": ")


def test_rdata_has_a_largest_size() -> None:
    text = " ".join(['"' + "t" * 255 + '"'] * 256)
    assert len(parse_rdata(16, text[: 258 * 255 - 1], ORIGIN)) == 255 * 256
    with pytest.raises(ValueError, match="the data of a TXT record"):
        parse_rdata(16, text, ORIGIN)


@pytest.mark.parametrize(
    ("rrtype", "text"),
    [("A", "192.0.2.1"), ("MX", "10 mx1.test."), ("TXT", '"a b" "c"'), ("TYPE65280", "\\# 0"),
     ("TYPE65280", "\\# 2 0a00")],
)  # fmt: skip
def test_rdata_and_back(rrtype: str, text: str) -> None:
    number = type_number(rrtype)
    assert rdata_text(number, parse_rdata(number, text, ORIGIN)) == text


def read(text: str) -> tuple[list[FileRRset], list[Problem]]:
    return parse_zone_file(text, "f.zone", ORIGIN, 300)


def listed(text: str) -> list[str]:
    found, problems = read(text)
    assert problems == []
    return [
        f"{entry.line}: {to_text(entry.owner)} {entry.rrset.ttl_seconds}"
        f" {type_text(entry.rrset.rrtype)} "
        + " | ".join(rdata_text(entry.rrset.rrtype, rdata) for rdata in entry.rrset.rdatas)
        for entry in found
    ]


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("", []),
        ("; only a comment\n\n", []),
        ("www A 192.0.2.1", ["1: www.zone.test. 300 A 192.0.2.1"]),
        ("@ A 192.0.2.1", ["1: zone.test. 300 A 192.0.2.1"]),
        # Without an owner: the one before, at first the origin.
        (" A 192.0.2.1", ["1: zone.test. 300 A 192.0.2.1"]),
        ("\nWWW 60 IN A 192.0.2.1\n IN 60 TXT x",
         ["2: www.zone.test. 60 A 192.0.2.1", '3: www.zone.test. 60 TXT "x"']),
        ("www.zone.test. A 192.0.2.1", ["1: www.zone.test. 300 A 192.0.2.1"]),
        ("$TTL 1h\na A 192.0.2.1\n$TTL 60\nb A 192.0.2.1",
         ["2: a.zone.test. 3600 A 192.0.2.1", "4: b.zone.test. 60 A 192.0.2.1"]),
        ("$ORIGIN sub\nwww MX 10 mx\n$ORIGIN zone.test.\nwww MX 10 mx",
         ["2: www.sub.zone.test. 300 MX 10 mx.sub.zone.test.",
          "4: www.zone.test. 300 MX 10 mx.zone.test."]),
        ("www A (\n 192.0.2.1 ; first\n)\nx A 192.0.2.2",
         ["1: www.zone.test. 300 A 192.0.2.1", "4: x.zone.test. 300 A 192.0.2.2"]),
        # One RRset from several places, and equal records once.
        ("a A 192.0.2.1\nb A 192.0.2.9\na A 192.0.2.2\na A 192.0.2.1",
         ["1: a.zone.test. 300 A 192.0.2.1 | 192.0.2.2", "2: b.zone.test. 300 A 192.0.2.9"]),
        ("a NS Ns.Other.\na NS nS.other.\na TXT x\na TXT X",
         ["1: a.zone.test. 300 NS Ns.Other.", '3: a.zone.test. 300 TXT "x" | "X"']),
        ("odd TYPE65280 \\# 1 ff", ["1: odd.zone.test. 300 TYPE65280 \\# 1 ff"]),
        ("a\\.b TXT x", ['1: a\\.b.zone.test. 300 TXT "x"']),
        ("*.w A 192.0.2.1", ["1: *.w.zone.test. 300 A 192.0.2.1"]),
        ("bücher A 192.0.2.1", ["1: xn--bcher-kva.zone.test. 300 A 192.0.2.1"]),
        ("straße A 192.0.2.1", ["1: xn--strae-oqa.zone.test. 300 A 192.0.2.1"]),
    ],
)  # fmt: skip
def test_zone_files(text: str, records: list[str]) -> None:
    assert listed(text) == records


OUTSIDE = "www.other. is outside the zone zone.test."


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("www.other. A 192.0.2.1", [(1, OUTSIDE)]),
        ("$ORIGIN other.\nwww A 192.0.2.1", [(2, OUTSIDE)]),
        ("a OPT \\# 0", [(1, "OPT is not a type that a zone can hold")]),
        ("a 2147483648 A 192.0.2.1",
         [(1, "the TTL 2147483648 is over 2147483647 (RFC 2181, section 8)")]),
        ("a 60 A 192.0.2.1\nb A 192.0.2.1\na 61 A 192.0.2.2",
         [(3, "the TTL 61 differs from 60 of the same RRset in line 1 (RFC 2181, section 5.2)")]),
        ("$INCLUDE other.zone\nwww A 192.0.2.1",
         [(1, "$INCLUDE is not supported: put the records of the other file into this one")]),
        ("$generate 1-3 a$ A 192.0.2.$",
         [(1, "$GENERATE is not supported: write the records out")]),
        ("bad A 192.0.2.256", [(1, "Text input is malformed: bad A 192.0.2.256")]),
        (f"a A {'b' * 80}", [(1, f"Text input is malformed: a A {'b' * 56}...")]),
        ("a A 192.0.2.1 (", [(1, None)]),
        ('a TXT "open', [(1, None)]),
        # Where a line begins with what cannot be read: the reading ends, or goes on behind it.
        ('a A 192.0.2.1\n"', [(2, None)]),
        ("a A 192.0.2.1\n) b A 192.0.2.1\nc A bad", [(2, None), (3, None)]),
        # All of them at once, and the sound lines between are read.
        ("a A bad\nb A 192.0.2.1\nc NOPE x\n d\ne MX mx\nf CH TXT x",
         [(1, None), (3, None), (4, None), (5, None), (6, None)]),
        ("a A (\n bad\n)\nb A 192.0.2.1\nc A bad", [(1, None), (5, None)]),
    ],
)  # fmt: skip
def test_problems_have_their_line(text: str, problems: list[tuple[int, str | None]]) -> None:
    found = read(text)[1]
    assert [problem.line for problem in found] == [line for line, _ in problems]
    assert {(problem.file, problem.column, problem.path) for problem in found} == {
        ("f.zone", 1, "")
    }
    for problem, (_, message) in zip(found, problems, strict=True):
        # The place is said once, by the problem itself.
        assert problem.message == message or (message is None and "f.zone" not in problem.message)


def test_what_is_sound_is_returned_beside_problems() -> None:
    found, problems = read("a A bad\nb A 192.0.2.1\n")
    assert found == [FileRRset(from_text("b.zone.test."), RRset(1, 300, (b"\xc0\0\2\1",)), 2)]
    assert len(problems) == 1


PIECES = st.sampled_from(
    ("www", "@", " ", "\n", "\t", "A", "TXT", "MX", "IN", "60", "192.0.2.1", "10", '"', "(", ")",
     ";", "\\", "\\999", "\\# 1 ff", "$TTL", "$ORIGIN", "$INCLUDE", "$GENERATE", ".", "..", "ü",
     "\0", "99999999999999999999", "1w")
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_text_raises(text: str) -> None:
    found, problems = read(text)
    assert all(entry.rrset.rdatas for entry in found)
    assert all(problem.message for problem in problems)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from((1, 2, 6, 15, 16, 33, 65280)), st.lists(PIECES, max_size=8).map("".join))
def test_no_rdata_raises_but_valueerror(rrtype: int, text: str) -> None:
    try:
        wire = parse_rdata(rrtype, text, ORIGIN)
    except ValueError:
        return
    assert rdata_text(rrtype, wire)
