import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.executors import Maker
from support.tables import (
    TCP4,
    TCP6,
    UDP4,
    UDP6,
    ask,
    configure,
    expected,
    first_address,
    opt,
    rcode,
)

from rrdns.model import RRset, Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import MX, NOERROR, NXDOMAIN, REFUSED, TXT, A
from rrdns.table import executor as executor_module
from rrdns.table import plan
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health

CONFIG = configure()
SNAPSHOT = make_snapshot(CONFIG, {})
TABLE = compile_table(SNAPSHOT, 1)
MX1 = from_text("mx1.example.com.")
MX3 = from_text("mx3.example.com.")
SERVER1_DOWN = {target.key: Health.DOWN for target in CONFIG.targets if "11" in target.address}
TC = 0x02


def with_static(rrset: RRset) -> Snapshot:
    """The snapshot with one more RRset at big.example.com."""
    apex = from_text("example.com.")
    zone = SNAPSHOT.zones[apex]
    rrsets = {**zone.contents.rrsets, b"\3big": {rrset.rrtype: rrset}}
    zone = replace(zone, contents=replace(zone.contents, rrsets=rrsets))
    return replace(SNAPSHOT, zones={**SNAPSHOT.zones, apex: zone})


def texts(count: int) -> RRset:
    return RRset(TXT, 60, tuple(b"\xff" + b"%0255d" % number for number in range(count)))


# --- what is a hit, what a miss ---------------------------------------------------------------


def test_case_and_id_of_the_query_come_back(make_executor: Maker) -> None:
    packet = ask(b"\3mX1\7eXaMpLe\3CoM\0", ident=0xBEEF, flags=0x0110)
    reply = make_executor(TABLE).execute(packet, UDP4)
    assert reply == expected(packet, SNAPSHOT)
    assert reply is not None
    assert reply[:2] == b"\xbe\xef"
    assert reply[12:29] == packet[12:29]


MANY_LABELS = b"\1q" * 127 + b"\0"
ODD_NAMES = {
    "127 labels": MANY_LABELS,
    "127 labels in a zone": b"\1q" * 121 + from_text("example.com."),
    "zero octets in a label": b"\3q\0q" + from_text("example.com."),
    "only zero octets": b"\3\0\0\0" + from_text("customer.test."),
    "zero octets outside": b"\2\0\0\0",
    "256 octets": b"\1q" * 122 + from_text("example.com."),
    "300 octets": b"\x3f" + b"q" * 63 + (b"\x3f" + b"q" * 63) * 3 + b"\x2a" + b"q" * 42 + b"\0",
    "pointer": b"\xc0\x0c",
    "pointer after a label": b"\3mx1\xc0\x00",
    "pointer to zeros": b"\3mx1\xc0\x04\0",
    "reserved label type": b"\x41q\0",
    "extended label type": b"\x80q\0",
    "label beyond the end": b"\x3fq",
    "no end": b"\3qqq\1q",
}


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_odd_names_are_answered_as_the_responder_does_or_missed(
    make_executor: Maker, name: bytes, warm: bool
) -> None:
    executor = make_executor(TABLE)
    for tail in (b"", opt()):
        if warm:
            executor.execute(ask(MX1, tail=tail), UDP4)
        for rrtype in ("A", "MX"):
            packet = ask(name, rrtype, tail=tail)
            said = executor.execute(packet, UDP4)
            assert said is None or said == expected(packet, SNAPSHOT)


def test_deep_names_are_hits(make_executor: Maker) -> None:
    executor = make_executor(TABLE)
    assert rcode(executor.execute(ask(MANY_LABELS), UDP4)) == REFUSED
    deep = b"\1q" * 120 + from_text("example.com.")
    assert rcode(executor.execute(ask(deep), UDP4)) == NXDOMAIN


@pytest.mark.parametrize("warm", [False, True])
def test_packets_cut_anywhere_are_misses(make_executor: Maker, warm: bool) -> None:
    executor = make_executor(TABLE)
    for whole in (ask(MX1), ask("customer.test.", "MX"), ask("q.example.net.", tail=opt())):
        if warm:
            executor.execute(whole, UDP4)
        for end in range(len(whole)):
            said = executor.execute(whole[:end], UDP4)
            assert said is None or said == expected(whole[:end], SNAPSHOT), end


@pytest.mark.parametrize(
    "packet",
    [
        ask(MX1, flags=0x8000),
        ask(MX1, flags=0x2800),
        ask(MX1, rrclass=3),
        ask("customer.test.", "MX", rrclass=3),
        ask("customer.test.", "HTTPS", rrclass=255),
        ask("elsewhere.net.", rrclass=3),
        ask(MX1, "ANY"),
        ask(MX1, "DS"),
        ask("customer.test.", "AXFR"),
        ask("elsewhere.net.", "DS"),
        ask("alias.example.com."),
        ask("www.customer.test."),
        ask(MX1, tail=opt()[:-1]),
        ask(MX1, tail=opt() + opt(), additional=2),
        ask(MX1, tail=b"\0"),
    ],
    ids=lambda packet: packet.hex(),
)
def test_what_is_no_ordinary_query_is_a_miss(make_executor: Maker, packet: bytes) -> None:
    executor = make_executor(TABLE)
    executor.execute(ask(MX1), UDP4)
    assert executor.execute(packet, UDP4) is None
    assert sum(executor.answered().values()) == 1


def test_the_responder_shares_the_rotation(make_executor: Maker) -> None:
    executor = make_executor(TABLE)
    executor.execute(ask(MX1), UDP4)
    assert [executor.turn(MX1, A), executor.turn(MX1, A)] == [1, 2]
    assert first_address(executor.execute(ask(MX1), UDP4))[-1] == 11
    assert sum(executor.leads().values()) == 4
    with pytest.raises(KeyError):
        executor.turn(from_text("nobody.example.com."), A)


@given(st.binary(max_size=120))
@settings(max_examples=300, deadline=None)
def test_octets_of_any_kind_raise_nothing(make_executor: Maker, packet: bytes) -> None:
    executor = make_executor(TABLE)
    said = executor.execute(packet, UDP4)
    assert said is None or said == expected(packet, SNAPSHOT)


# --- size -------------------------------------------------------------------------------------


def test_a_reply_too_large_for_udp_is_empty_with_tc(make_executor: Maker) -> None:
    snapshot = with_static(texts(4))
    executor = make_executor(compile_table(snapshot, 1))
    for tail, fits in ((b"", False), (opt(512), False), (opt(1232), True), (opt(600), False)):
        packet = ask("big.example.com.", "TXT", tail=tail)
        for slot in (UDP4, UDP6, TCP4, TCP6):
            reply = executor.execute(packet, slot)
            assert reply == expected(packet, snapshot, slot)
            assert reply is not None
            assert bool(reply[2] & TC) == (slot in (UDP4, UDP6) and not fits)
    assert executor.truncated == 6
    assert executor.answered() == {("TXT", NOERROR, slot): 4 for slot in (UDP4, UDP6, TCP4, TCP6)}


def test_a_templated_reply_is_truncated_likewise(make_executor: Maker) -> None:
    exchanges = tuple(b"\0\12\2%02d" % number + from_text("example.net.") for number in range(60))
    default = SNAPSHOT.profiles["default"]
    rrsets = {b"": {**default.contents.rrsets[b""], MX: RRset(MX, 60, exchanges)}}
    rrsets[b"\1x"] = {MX: RRset(MX, 60, exchanges)}
    changed = replace(default, contents=replace(default.contents, rrsets=rrsets))
    snapshot = replace(
        SNAPSHOT, profiles={"default": changed}, domains={from_text("customer.test."): changed}
    )
    executor = make_executor(compile_table(snapshot, 1))
    for name in ("customer.test.", "x.customer.test."):
        packet = ask(name, "MX", tail=opt(600))
        reply = executor.execute(packet, UDP4)
        assert reply == expected(packet, snapshot)
        assert reply is not None
        assert reply[2] & TC
    assert executor.answered() == {("MX", NOERROR, UDP4): 2}


def test_what_no_message_can_hold_is_truncated(make_executor: Maker) -> None:
    snapshot = with_static(texts(260))
    executor = make_executor(compile_table(snapshot, 1))
    packet = ask("big.example.com.", "TXT")
    for slot in (TCP4, UDP4):
        assert executor.execute(packet, slot) == expected(packet, snapshot, slot)
    fits = with_static(texts(200))
    reply = make_executor(compile_table(fits, 1)).execute(packet, TCP4)
    assert reply == expected(packet, fits, TCP4)
    assert reply is not None
    assert len(reply) > 50_000


# --- counts and memory ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rrtype", "label", "code"),
    [
        (MX1, "A", "A", NOERROR),
        (MX1, "MX", "MX", NOERROR),
        ("www.example.com.", "AAAA", "AAAA", NOERROR),
        ("customer.test.", "MX", "MX", NOERROR),
        ("customer.test.", "TXT", "TXT", NOERROR),
        ("x.y.customer.test.", "TXT", "TXT", NOERROR),
        ("y.customer.test.", "HTTPS", "HTTPS", NOERROR),
        ("q.customer.test.", "MX", "MX", NXDOMAIN),
        ("q.example.com.", "AAAA", "AAAA", NXDOMAIN),
        ("elsewhere.net.", "MX", "MX", REFUSED),
        ("elsewhere.net.", 65300, "other", REFUSED),
    ],
)
def test_an_answer_is_counted_by_the_type_that_was_asked(
    make_executor: Maker, name: str | bytes, rrtype: str | int, label: str, code: int
) -> None:
    executor = make_executor(TABLE)
    assert rcode(executor.execute(ask(name, rrtype), TCP6)) == code
    assert executor.answered() == {(label, code, TCP6): 1}


def test_plans_are_bounded_in_number_and_size() -> None:
    executor = PythonExecutor(TABLE)
    plans = executor._plans[UDP4]
    for number in range(3 * plan._MAX_PLANS):
        executor.execute(ask(MX1, tail=opt(number % 65536, flags=number >> 16)), UDP4)
        assert len(plans) <= plan._MAX_PLANS
    record = b"\0" + struct.pack("!HHIH", TXT, 1, 0, 60000) + bytes(60000)
    before = set(executor._plans[TCP4])
    packet = ask(MX1, tail=record)
    for _ in range(2):
        assert executor.execute(packet, TCP4) is not None
    assert set(executor._plans[TCP4]) == before


def test_queries_with_options_leave_nothing_behind() -> None:
    executor = PythonExecutor(TABLE)
    for number in range(50):
        option = struct.pack("!2H", 65001, 8) + number.to_bytes(8, "big")
        packet = ask(MX1, tail=opt(options=option))
        assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT, turn=number)
    assert not executor._plans[UDP4]


def test_moved_bodies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "_MAX_MOVED", 50)
    executor = PythonExecutor(TABLE)
    for octets in range(1, 60):
        for domain in ("customer.test.", "sub.example.com."):
            packet = ask(bytes([octets]) + b"q" * octets + from_text(domain), "MX")
            assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT)
            assert len(executor._moved) <= 50


def test_a_new_payload_counts_from_the_publish_on(make_executor: Maker) -> None:
    executor = make_executor(TABLE)
    packet = ask(MX1, tail=opt(4096))
    assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT)
    smaller = replace(SNAPSHOT, udp_payload=512)
    executor.adopt(compile_table(smaller, 2, TABLE))
    assert executor.execute(packet, UDP4) == expected(packet, smaller, turn=1)
