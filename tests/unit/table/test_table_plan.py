"""Plans: how to answer what stands around a question, recognised once."""

import struct
from dataclasses import replace

import pytest
from support.tables import ask, opt, snapshot_of

from rrdns.dns.options import Transport
from rrdns.model import Snapshot
from rrdns.table import plan as plan_module
from rrdns.table.plan import Plan, Planner

SNAPSHOT = replace(
    snapshot_of(), cookie_secrets=(bytes(range(16)),), identity=b"node", udp_payload=1232
)
NAME = b"\1a\4test\0"
END = 12 + len(NAME) + 4
ONE = bytes([192, 0, 2, 1])
OTHER = bytes([192, 0, 2, 2])
COOKIE = b"\0\x0a\0\x08" + b"clientck"
NOW = 1_700_000_080  # second 40 of its minute


def planner(transport: Transport = Transport.UDP, snapshot: Snapshot = SNAPSHOT) -> Planner:
    made = Planner(transport, snapshot)
    made.set_time(NOW)
    return made


def query(tail: bytes = b"", **more: int) -> bytes:
    return ask(NAME, tail=tail, **more)


def made(tail: bytes = b"", transport: Transport = Transport.UDP, **more: int) -> Plan:
    found = planner(transport).make(query(tail, **more), END, ONE)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("tail", "flags", "head"), [(b"", 0, 0), (b"", 0x0100, 1), (opt(), 0, 2), (opt(), 0x0100, 3)]
)
def test_the_head_is_that_of_rd_and_opt(tail: bytes, flags: int, head: int) -> None:
    assert made(tail, flags=flags).head == head


@pytest.mark.parametrize(
    ("tail", "limit"),
    [(b"", 512), (opt(0), 512), (opt(800), 800), (opt(1232), 1232), (opt(65535), 1232)],
)
def test_only_udp_limits_sizes(tail: bytes, limit: int) -> None:
    assert made(tail).limit == limit
    assert made(tail, Transport.TCP).limit == 65535


def test_an_opt_is_made_for_the_reply() -> None:
    assert (made().opt, made().refused_opt) == (b"", b"")
    plan = made(opt(4096, flags=0xFFFF))
    assert plan.opt == opt(1232, flags=0x8000)
    # A refusal tells why (RFC 8914).
    assert plan.refused_opt == opt(1232, flags=0x8000, options=b"\0\x0f\0\2\0\x14")
    assert made(opt(options=b"\0\3\0\0")).opt == opt(options=b"\0\3\0\4node")
    keepalive = opt(options=b"\0\x0b\0\0")
    assert made(keepalive).opt == opt()
    assert made(keepalive, Transport.TCP).opt == opt(options=b"\0\x0b\0\2\0\x64")


@pytest.mark.parametrize(
    "packet",
    [
        query()[:10],
        query(flags=0x8000),
        query(flags=0x2000),
        query(opt() * 2, additional=2),
        query(b"junk", additional=0),
        query(opt(options=b"\0\x0a\0\1c")),
        # The first zero octet is within a label: the question does not end where it seemed to.
        ask(b"\3a\0b\4test\0"),
    ],
)
def test_what_is_not_plain_is_a_miss(packet: bytes) -> None:
    found = planner()
    end = packet.find(0, 12) + 5
    assert found.make(packet, end, ONE) is None
    assert not found.common


def test_plans_without_options_are_kept_for_everybody() -> None:
    found = planner()
    for tail in (b"", opt()):
        packet = query(tail)
        plan = found.make(packet, END, ONE)
        assert found.common[packet[2:12] + packet[END:]] is plan


def test_plans_with_options_are_kept_for_their_client() -> None:
    found = planner()
    packet = query(opt(options=COOKIE))
    plan = found.make(packet, END, ONE)
    assert found.make(packet, END, ONE) is plan
    other = found.make(packet, END, OTHER)
    assert other is not None
    assert plan is not None
    assert other.opt != plan.opt
    assert not found.common


def test_a_plan_with_a_cookie_lasts_for_its_minute() -> None:
    found = planner()
    packet = query(opt(options=COOKIE))
    plan = found.make(packet, END, ONE)
    found.set_time(NOW + 19.9)
    assert found.make(packet, END, ONE) is plan
    found.set_time(NOW + 20)
    later = found.make(packet, END, ONE)
    assert plan is not None
    assert later is not None
    assert struct.unpack("!I", later.opt[-12:-8])[0] == NOW + 20 - (NOW + 20) % 60
    assert later.opt != plan.opt


def test_another_snapshot_makes_all_anew() -> None:
    found = planner()
    for tail in (opt(), opt(options=b"\0\3\0\0")):
        found.make(query(tail), END, ONE)
    found.adopt(replace(SNAPSHOT, identity=None, udp_payload=512))
    assert not found.common
    for tail in (opt(), opt(options=b"\0\3\0\0")):
        plan = found.make(query(tail), END, ONE)
        assert plan is not None
        assert (plan.opt, plan.limit) == (opt(512), 512)


@pytest.mark.parametrize("options", [b"", COOKIE])
def test_long_tails_are_not_kept(options: bytes) -> None:
    found = planner()
    record = b"\0" + struct.pack("!HHIH", 16, 1, 0, 200) + bytes(200)
    packet = query(record + opt(options=options), additional=2)
    plan = found.make(packet, END, ONE)
    assert plan is not None
    assert found.make(packet, END, ONE) is not plan
    assert found.make(packet, END, ONE) == plan
    assert not found.common


def test_the_number_of_plans_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "_MAX_PLANS", 10)
    found = planner()
    for number in range(35):
        found.make(query(opt(1000 + number)), END, ONE)
        found.make(query(opt(options=COOKIE)), END, bytes([10, 0, 0, number]))
        assert len(found.common) <= 10
        assert len(found._personal) <= 10


def test_only_so_many_queries_with_new_options_are_planned_for() -> None:
    found = planner()
    found.allowance = 2
    packets = [query(opt(options=b"\0\x0a\0\x08" + bytes([number]) * 8)) for number in range(4)]
    plans = [found.make(packet, END, ONE) for packet in packets]
    assert [plan is not None for plan in plans] == [True, True, False, False]
    # What is known, and what has no options, is answered all the same.
    assert found.make(packets[0], END, ONE) is plans[0]
    assert found.make(query(opt()), END, ONE) is not None
    found.allowance = 1
    assert found.make(packets[2], END, ONE) is not None
    assert found.make(packets[3], END, ONE) is None
