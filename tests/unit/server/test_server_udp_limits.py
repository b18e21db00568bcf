"""Rate limiting in the UDP loop: the same for hits and misses, not for who shows a cookie."""

from dataclasses import replace

import pytest
from support.tables import ask, opt
from support.udp_stage import MX1, SNAPSHOT, TABLE, MakeLoop, Staged, client

from rrdns.rrtypes import ANY, REFUSED
from rrdns.server import udp
from rrdns.settings import Limits
from rrdns.table.compiler import compile_table

TC = 0x02
PLAIN = Limits(responses_per_second=3, slip=0, exempt=())
SECRET = bytes(range(16))
WITH_COOKIES = compile_table(replace(SNAPSHOT, cookie_secrets=(SECRET,)), 1)
COOKIE = 10
CLIENT_COOKIE = b"\0\x0a\0\x08clientck"


class _Clock:
    """A clock that a test moves: the second's turn must not come into the middle of it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def time(self) -> float:
        return 1_700_000_000.0 + self.seconds


CLOCK = _Clock()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    CLOCK.seconds = 1000.0
    monkeypatch.setattr(udp, "time", CLOCK)
    return CLOCK


def replies(loop: Staged, port: int, packet: bytes, count: int) -> list[bytes]:
    """Send a packet so often; return what comes back. The loop's turns are taken by hand."""
    with client(port) as asker:
        asker.setblocking(False)
        found = []
        for _ in range(count):
            asker.send(packet)
            loop.turn(CLOCK.time())
            try:
                found.append(asker.recv(4096))
            except BlockingIOError:
                continue
        return found


@pytest.mark.parametrize("rrtype", ["A", ANY], ids=["hit", "miss"])
def test_hits_and_misses_are_limited_alike(make_loop: MakeLoop, rrtype: str | int) -> None:
    loop, port = make_loop(limits=PLAIN)
    assert len(replies(loop, port, ask(MX1, rrtype), 10)) == 3
    assert loop.limited == {"dropped": 7}
    assert not loop.dropped


def test_slip_sends_tc(make_loop: MakeLoop) -> None:
    loop, port = make_loop(limits=replace(PLAIN, slip=2))
    found = replies(loop, port, ask(MX1), 9)
    assert [bool(reply[2] & TC) for reply in found] == [False] * 3 + [True] * 3
    assert all(len(reply) == len(ask(MX1)) for reply in found[3:])
    assert loop.limited == {"dropped": 3, "slipped": 3}


def test_refusals_share_an_account_whatever_the_name(make_loop: MakeLoop) -> None:
    loop, port = make_loop(limits=PLAIN)
    found = [
        reply
        for number in range(5)
        for reply in replies(loop, port, ask(f"host{number}.other.test."), 1)
    ]
    assert [reply[3] & 15 for reply in found] == [REFUSED] * 3


def test_a_second_later_there_is_credit_again(make_loop: MakeLoop, clock: _Clock) -> None:
    loop, port = make_loop(limits=PLAIN)
    assert len(replies(loop, port, ask(MX1), 3)) == 3
    clock.seconds += 1
    assert len(replies(loop, port, ask(MX1), 4)) == 3


@pytest.mark.parametrize("limits", [replace(PLAIN, responses_per_second=0),
                                    replace(PLAIN, exempt=("127.0.0.0/8",))])  # fmt: skip
def test_nobody_is_limited_where_limits_are_off_or_exempt(
    make_loop: MakeLoop, limits: Limits
) -> None:
    loop, port = make_loop(limits=limits)
    for rrtype in ("A", ANY):
        assert len(replies(loop, port, ask(MX1, rrtype), 20)) == 20
    assert not loop.limited


def test_new_limits_count_at_once(make_loop: MakeLoop) -> None:
    loop, port = make_loop(limits=replace(PLAIN, responses_per_second=0))
    assert len(replies(loop, port, ask(MX1), 10)) == 10
    loop.set_limits(PLAIN)
    assert len(replies(loop, port, ask(MX1), 10)) == 3


@pytest.mark.parametrize("rrtype", ["A", ANY], ids=["hit", "miss"])
def test_a_valid_cookie_exempts_and_others_do_not(
    make_loop: MakeLoop, clock: _Clock, rrtype: str | int
) -> None:
    loop, port = make_loop(limits=PLAIN, table=WITH_COOKIES)
    (reply,) = replies(loop, port, ask(MX1, rrtype, tail=opt(options=CLIENT_COOKIE)), 1)
    given = reply[-28:]
    assert given[:12] == b"\0\x0a\0\x18" + CLIENT_COOKIE[4:]
    known = ask(MX1, rrtype, tail=opt(options=given))
    assert len(replies(loop, port, known, 20)) == 20
    assert not loop.limited
    forged = ask(MX1, rrtype, tail=opt(options=given[:-1] + bytes([given[-1] ^ 1])))
    assert not replies(loop, port, forged, 5)
    assert not replies(loop, port, ask(MX1, rrtype, tail=opt(options=CLIENT_COOKIE)), 5)
    assert not replies(loop, port, ask(MX1, rrtype, tail=opt()), 5)
    assert not replies(loop, port, ask(MX1, rrtype), 5)
    assert loop.limited == {"dropped": 20}
    # An hour later the cookie is none of ours any more; but then there is credit again.
    clock.seconds += 3700
    assert len(replies(loop, port, known, 10)) == 3


def test_without_secrets_no_cookie_exempts(make_loop: MakeLoop) -> None:
    loop, port = make_loop(limits=PLAIN, table=TABLE)
    packet = ask(MX1, tail=opt(options=b"\0\x0a\0\x18" + bytes(24)))
    assert len(replies(loop, port, packet, 10)) == 3
