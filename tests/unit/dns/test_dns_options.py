"""The options of a reply's OPT: each only when it was asked for and there is something to say."""

import dataclasses
import struct

import pytest
from support.dns_worlds import contents, snapshot

from rrdns.dns import cookie
from rrdns.dns.options import Asker, Transport, cookie_time, reply_options
from rrdns.dns.query import Edns
from rrdns.model import Snapshot

SECRET = bytes(range(16))
CLIENT = bytes([192, 0, 2, 1])
NSID, COOKIE, KEEPALIVE, EDE = 3, 10, 11, 15
UDP = Asker(Transport.UDP, CLIENT, 1700000000)
TCP = Asker(Transport.TCP, CLIENT, 1700000000)


@pytest.fixture(scope="module")
def world() -> Snapshot:
    plain = snapshot({"test.": contents("", "test.")})
    return dataclasses.replace(
        plain, identity=b"node", cookie_secrets=(SECRET,), tcp_idle_timeout_seconds=2.5
    )


def edns(*options: tuple[int, bytes], version: int = 0) -> Edns:
    return Edns(version, 1232, False, options)


def read(options: bytes) -> list[tuple[int, bytes]]:
    found = []
    while options:
        code, octets = struct.unpack_from("!2H", options)
        found.append((code, options[4 : 4 + octets]))
        options = options[4 + octets :]
    return found


def test_nothing_unasked(world: Snapshot) -> None:
    assert reply_options(edns((8, b"\0\1\0\0"), (65001, b"x")), world, TCP) == b""


def test_a_version_that_is_not_ours_gets_no_options(world: Snapshot) -> None:
    asked = edns((NSID, b""), (COOKIE, b"c" * 8), version=1)
    assert reply_options(asked, world, TCP, 20) == b""


def test_nsid(world: Snapshot) -> None:
    assert read(reply_options(edns((NSID, b"")), world, UDP)) == [(NSID, b"node")]
    unnamed = dataclasses.replace(world, identity=None)
    assert reply_options(edns((NSID, b"")), unnamed, UDP) == b""
    empty = dataclasses.replace(world, identity=b"")
    assert read(reply_options(edns((NSID, b"")), empty, UDP)) == [(NSID, b"")]


def test_a_cookie_answers_a_cookie(world: Snapshot) -> None:
    (found,) = read(reply_options(edns((COOKIE, b"c" * 8)), world, UDP))
    assert found == (COOKIE, cookie.reply_option(b"c" * 8, CLIENT, 1700000000, (SECRET,)))
    assert found[1][:8] == b"c" * 8
    assert len(found[1]) == 24
    without = dataclasses.replace(world, cookie_secrets=())
    assert reply_options(edns((COOKIE, b"c" * 8)), without, UDP) == b""


def test_the_first_of_two_cookies_counts(world: Snapshot) -> None:
    asked = edns((COOKIE, b"a" * 8), (COOKIE, b"b" * 8))
    (found,) = read(reply_options(asked, world, UDP))
    assert found[1][:8] == b"a" * 8


@pytest.mark.parametrize(("seconds", "units"), [(2.5, 25), (10.0, 100), (86400.0, 65535)])
def test_keepalive_is_for_tcp(world: Snapshot, seconds: float, units: int) -> None:
    world = dataclasses.replace(world, tcp_idle_timeout_seconds=seconds)
    asked = edns((KEEPALIVE, b""))
    assert read(reply_options(asked, world, TCP)) == [(KEEPALIVE, units.to_bytes(2, "big"))]
    assert reply_options(asked, world, UDP) == b""


@pytest.mark.parametrize("code", [0, 20])
def test_an_extended_error(world: Snapshot, code: int) -> None:
    assert read(reply_options(edns(), world, UDP, code)) == [(EDE, code.to_bytes(2, "big"))]


def test_options_stand_in_the_order_of_their_codes(world: Snapshot) -> None:
    asked = edns((KEEPALIVE, b""), (COOKIE, b"c" * 8), (NSID, b""))
    codes = [code for code, _ in read(reply_options(asked, world, TCP, 20))]
    assert codes == [NSID, COOKIE, KEEPALIVE, EDE]


@pytest.mark.parametrize(
    ("now", "whole"), [(0, 0), (59.9, 0), (60, 60), (1700000000.5, 1699999980)]
)
def test_cookies_are_of_the_minute(now: float, whole: int) -> None:
    assert cookie_time(now) == whole
