"""The scanner: what it reads of a packet, and what it finds wrong with it.

The golden cases say what is answered; here is what is read.
"""

import struct

import pytest

from rrdns.dns.query import Edns, Query, limit_octets, opt_of, scan
from rrdns.rrtypes import BADVERS, FORMERR

NAME = b"\3wWw\4test\0"
QUESTION = NAME + b"\0\x0f\0\1"
RECORD = b"\0\0\1\0\1\0\0\0\0\0\4abcd"


def opt(
    octets: int = 1232, version: int = 0, flags: int = 0, options: bytes = b"", owner: bytes = b"\0"
) -> bytes:
    head = struct.pack("!HHBBHH", 41, octets, 0, version, flags, len(options))
    return owner + head + options


def packet(body: bytes, counts: tuple[int, int, int, int] = (1, 0, 0, 0), flags: int = 0) -> bytes:
    return struct.pack("!6H", 7, flags, *counts) + body


def read(body: bytes, counts: tuple[int, int, int, int] = (1, 0, 0, 0), flags: int = 0) -> Query:
    query = scan(packet(body, counts, flags))
    assert query is not None
    return query


def test_what_an_ordinary_query_says() -> None:
    assert read(QUESTION + opt(4096, flags=0x8000, options=b"\0\3\0\0\0\x0a\0\x08cccccccc"),
                (1, 0, 0, 1), 0x0100) == Query(
        ident=7,
        opcode=0,
        recursion_desired=True,
        question=QUESTION,
        name=b"\3www\4test\0",
        rrtype=15,
        rrclass=1,
        edns=Edns(0, 4096, True, ((3, b""), (10, b"cccccccc"))),
    )  # fmt: skip


@pytest.mark.parametrize("octets", range(12))
def test_under_twelve_octets_is_no_query(octets: int) -> None:
    assert scan(packet(QUESTION)[:octets]) is None


def test_a_response_is_no_query() -> None:
    assert scan(packet(QUESTION, flags=0x8000)) is None
    assert scan(packet(b"", flags=0xFFFF)) is None


def test_a_header_alone_is_read() -> None:
    assert read(b"", (0, 0, 0, 0)) == Query(7, 0, False, error=FORMERR)


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 15])
def test_rd_means_nothing_to_other_opcodes(opcode: int) -> None:
    query = read(QUESTION, flags=opcode << 11 | 0x0100)
    assert (query.opcode, query.recursion_desired) == (opcode, False)


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        (b"", (0, 0, 0, 0)),
        (QUESTION * 2, (2, 0, 0, 0)),
        (QUESTION, (65535, 0, 0, 0)),
        (b"", (1, 0, 0, 0)),
        (QUESTION[:3], (1, 0, 0, 0)),
        (QUESTION[:9], (1, 0, 0, 0)),
        (QUESTION[:-1], (1, 0, 0, 0)),
        (b"\xc0\x0c\0\1\0\1", (1, 0, 0, 0)),
        (b"\x40" + b"a" * 64 + b"\0\0\1\0\1", (1, 0, 0, 0)),
        (b"\1a" * 127 + b"\1\0\0\1\0\1", (1, 0, 0, 0)),
    ],
)
def test_no_single_sound_question(body: bytes, counts: tuple[int, int, int, int]) -> None:
    query = read(body, counts)
    assert (query.question, query.error) == (b"", FORMERR)


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        (opt(), (0, 0, 0, 1)),
        (QUESTION * 2 + opt(), (2, 0, 0, 1)),
        (QUESTION + b"\xc0\x0c\0\1\0\1" + opt(), (2, 0, 0, 1)),
        (QUESTION + opt() + opt(), (1, 0, 0, 2)),
        (QUESTION + opt() + b"junk", (1, 0, 0, 1)),
        (QUESTION + opt() + RECORD[:-1], (1, 0, 0, 2)),
        (QUESTION + opt() + b"\x80" + RECORD, (1, 0, 0, 2)),
    ],
)
def test_an_opt_is_read_whatever_else_is_wrong(
    body: bytes, counts: tuple[int, int, int, int]
) -> None:
    query = read(body, counts)
    assert query.edns == Edns(0, 1232, False, ())
    assert query.error == FORMERR


@pytest.mark.parametrize("first", [b"\x40" + b"a" * 64, b"\3www", b"\x80"])
def test_questions_that_cannot_be_passed_hide_an_opt(first: bytes) -> None:
    query = read(first, (2, 0, 0, 1))
    assert (query.edns, query.error) == (None, FORMERR)


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        (opt(owner=b"\1a\0"), (1, 0, 0, 1)),
        (opt(owner=b"\xc0\x15"), (1, 0, 0, 1)),
        (opt(), (1, 1, 0, 0)),
        (opt(), (1, 0, 1, 0)),
        (opt()[:-1], (1, 0, 0, 1)),
        (opt()[:1], (1, 0, 0, 1)),
        (opt(options=b"\0\3\0"), (1, 0, 0, 1)),
        (opt(options=b"\0\3\0\1"), (1, 0, 0, 1)),
        (opt(options=b"\0\3\0\2x"), (1, 0, 0, 1)),
        (b"", (1, 0, 0, 1)),
        (b"\xc0", (1, 0, 0, 1)),
        (b"\1", (1, 0, 0, 1)),
        (b"\1a", (1, 0, 0, 1)),
        (b"\0", (1, 0, 0, 0)),
    ],
)
def test_records_that_are_wrong(body: bytes, counts: tuple[int, int, int, int]) -> None:
    query = read(QUESTION + body, counts)
    assert (query.question, query.edns, query.error) == (QUESTION, None, FORMERR)


def test_other_records_are_passed_over() -> None:
    body = QUESTION + RECORD + b"\xc0\x0c" + RECORD[1:] + NAME + RECORD[1:] + opt() + RECORD
    query = read(body, (1, 1, 1, 3))
    assert (query.error, query.edns) == (None, Edns(0, 1232, False, ()))


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (opt(version=1), BADVERS),
        (opt(version=255, options=b"\0\x0a\0\0"), BADVERS),
        (opt(version=1, options=b"\0\x0a\0"), FORMERR),
        (opt(flags=0x7FFF), None),
    ],
)
def test_the_version_comes_after_the_frame_and_before_the_cookie(
    record: bytes, error: int | None
) -> None:
    assert read(QUESTION + record, (1, 0, 0, 1)).error == error


@pytest.mark.parametrize(
    ("octets", "fits"),
    [(0, False), (7, False), (8, True), (9, False), (15, False), (16, True), (40, True),
     (41, False)],
)  # fmt: skip
def test_cookies_have_a_length(octets: int, fits: bool) -> None:
    cookie = struct.pack("!2H", 10, octets) + b"c" * octets
    query = read(QUESTION + opt(options=b"\0\3\0\0" + cookie), (1, 0, 0, 1))
    assert query.error == (None if fits else FORMERR)


@pytest.mark.parametrize(
    ("said", "ours", "limit"),
    [(None, 1232, 512), (0, 1232, 512), (511, 1232, 512), (512, 1232, 512), (513, 1232, 513),
     (1231, 1232, 1231), (1232, 1232, 1232), (65535, 1232, 1232), (4096, 700, 700)],
)  # fmt: skip
def test_the_limit_of_a_reply(said: int | None, ours: int, limit: int) -> None:
    edns = None if said is None else Edns(0, said, False, ())
    assert limit_octets(edns, ours) == limit


@pytest.mark.parametrize(
    ("records", "counts", "found"),
    [
        (b"", (0, 0, 0), b""),
        (RECORD, (1, 0, 0), b""),
        (opt(), (0, 0, 1), opt()),
        (RECORD * 2 + opt(options=b"\0\3\0\1x"), (1, 1, 1), opt(options=b"\0\3\0\1x")),
        (b"\xc0\x0c" + RECORD[1:] + opt(), (1, 0, 1), opt()),
    ],
)
def test_the_opt_of_a_reply(records: bytes, counts: tuple[int, int, int], found: bytes) -> None:
    message = packet(QUESTION + records, (1, *counts))
    assert opt_of(message, 12 + len(QUESTION)) == found


def test_a_reply_over_ipv6_fits_the_minimum_mtu() -> None:
    asked = Edns(0, 4096, False, ())
    assert limit_octets(asked, 4096, ipv6=True) == 1232
    assert limit_octets(asked, 1000, ipv6=True) == 1000
    assert limit_octets(None, 4096, ipv6=True) == 512
