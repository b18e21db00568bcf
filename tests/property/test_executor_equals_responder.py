"""For any snapshot and any packet an executor says what the responder says, or nothing."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dns_strategies import CLIENTS, NOW, Asked, configs, healths, overrides, queries
from support.executors import BUILT, Executor

from rrdns.dns.lookup import Kind, lookup
from rrdns.dns.options import Asker, Transport, cookie_time
from rrdns.dns.query import limit_octets, scan
from rrdns.dns.responder import respond
from rrdns.loading import load
from rrdns.model import Snapshot
from rrdns.names import Name
from rrdns.rrtypes import AAAA, MX, NXDOMAIN, SERVFAIL, A
from rrdns.table.compiler import compile_table
from rrdns.table.rotation import continuation
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import Table

# The same examples every time: a change that fails, fails on every machine.
BOUNDED = settings(max_examples=60, deadline=None, derandomize=True)
_UDP, _TCP = 0, 2
GOLDEN = Path(__file__).parents[1] / "golden" / "golden.yaml"


class Turns:
    """A rotation that steps as an executor's does."""

    def __init__(self) -> None:
        self.steps: dict[tuple[Name, int], int] = {}

    def __call__(self, host: Name, rrtype: int) -> int:
        step = self.steps.get((host, rrtype), 0)
        self.steps[host, rrtype] = step + 1
        return step

    def follow(self, old: Table, new: Table, leads: Mapping[tuple[Name, bytes], int]) -> None:
        """Go on where the design says when a table follows another; leads are those so far."""
        for one, other in zip(old.rotors, new.rotors, strict=True):
            led = {address: leads[one.host, address] for address in other.leads}
            positions = continuation(one, other, led)
            step = self.steps.get((one.host, one.rrtype), 0)
            self.steps[one.host, one.rrtype] = positions[step % len(positions)]


def _asker(asked: Asked, unix_now: int = NOW) -> Asker:
    return Asker(Transport.TCP if asked.tcp else Transport.UDP, asked.client, unix_now)


def _compare(
    executors: Sequence[Executor], snapshot: Snapshot, asked: Asked, rotation: Turns
) -> None:
    asker = _asker(asked, cookie_time(NOW + asked.seconds))
    expected = respond(asked.packet, snapshot, asker, rotation=rotation)
    for executor in executors:
        executor.set_time(NOW + asked.seconds)
        said = executor.execute(asked.packet, _TCP if asked.tcp else _UDP, asked.client)
        if said is None:
            # A miss is answered with the executor's own rotation.
            said = respond(asked.packet, snapshot, asker, rotation=executor.turn)
        assert said == expected


@settings(BOUNDED, max_examples=150)
@given(st.data())
def test_executors_say_what_the_responder_says(data: st.DataObject) -> None:
    config = data.draw(configs())
    first = make_snapshot(config, data.draw(healths(config)))
    table = compile_table(first, 1)
    executors = [make(table) for make in BUILT]
    rotation = Turns()
    asked_first = data.draw(st.lists(queries(), min_size=3, max_size=8))
    for asked in asked_first:
        _compare(executors, first, asked, rotation)
    # What was kept of a packet may not answer another client, nor at another time.
    for asked in asked_first:
        again = replace(asked, client=data.draw(st.sampled_from(CLIENTS)))
        _compare(executors, first, again, rotation)
    # A publish that only changes healths takes over most of the table before it.
    snapshot = make_snapshot(
        config, data.draw(healths(config)), overrides=data.draw(overrides()), previous=first
    )
    following = compile_table(snapshot, 2, table)
    rotation.follow(table, following, executors[0].leads())
    for executor in executors:
        assert executor.leads() == executors[0].leads()
        executor.adopt(following)
    for asked in data.draw(st.lists(queries(), min_size=3, max_size=8)):
        _compare(executors, snapshot, asked, rotation)


@BOUNDED
@given(st.data())
def test_a_reply_keeps_to_its_limit_and_to_what_was_asked(data: st.DataObject) -> None:
    config = data.draw(configs())
    snapshot = make_snapshot(config, {})
    asked = data.draw(queries())
    query = scan(asked.packet)
    reply = respond(asked.packet, snapshot, _asker(asked), rotation=Turns())
    if query is None:
        assert reply is None
        return
    assert reply is not None
    limit = 65535 if asked.tcp else limit_octets(query.edns, snapshot.udp_payload)
    assert len(reply) <= limit
    assert reply[:2] == asked.packet[:2]
    assert reply[2] & 0xF8 == asked.packet[2] & 0x78 | 0x80
    assert not reply[3] & 0xF0
    assert reply[3] & 0x0F != SERVFAIL
    assert reply[12 : 12 + len(query.question)] == query.question


@BOUNDED
@given(st.data())
def test_a_configured_host_has_an_address_whatever_its_nodes_do(data: st.DataObject) -> None:
    config = data.draw(configs())
    snapshot = make_snapshot(config, data.draw(healths(config)), overrides=data.draw(overrides()))
    for host in config.hosts():
        kinds = [lookup(snapshot, host.name, rrtype, Turns()).kind for rrtype in (A, AAAA)]
        assert Kind.ANSWER in kinds
        assert set(kinds) <= {Kind.ANSWER, Kind.NODATA}
        for rrtype in (A, AAAA, MX):
            query = b"\0\0\0\0\0\1\0\0\0\0\0\0" + host.name + rrtype.to_bytes(2, "big") + b"\0\1"
            reply = respond(query, snapshot, Asker(Transport.UDP), rotation=Turns())
            assert reply is not None
            assert reply[3] & 0x0F not in (SERVFAIL, NXDOMAIN)


@pytest.fixture(scope="module")
def golden() -> Table:
    return compile_table(make_snapshot(load(GOLDEN).config, {}), 1)


@settings(BOUNDED, max_examples=500)
@given(st.binary(max_size=300), st.booleans())
def test_no_octets_raise(golden: Table, packet: bytes, tcp: bool) -> None:
    _compare([make(golden) for make in BUILT], golden.snapshot, Asked(packet, tcp), Turns())


@settings(BOUNDED, max_examples=500)
@given(st.binary(max_size=300), st.integers(0, 3), st.booleans())
def test_no_octets_behind_a_sound_header_raise(
    golden: Table, body: bytes, records: int, tcp: bool
) -> None:
    packet = struct.pack("!6H", 1, 0x0100, 1, 0, 0, records) + body
    _compare([make(golden) for make in BUILT], golden.snapshot, Asked(packet, tcp), Turns())
