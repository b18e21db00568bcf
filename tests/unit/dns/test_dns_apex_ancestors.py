"""Names between an apex of ours and the one above it exist, although no zone has records there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dns_worlds import contents
from support.domain_loops import KINDS, use_loops
from support.executors import Maker

from rrdns import settings as settings_module
from rrdns.dns.lookup import Kind, lookup
from rrdns.dns.options import Asker, Transport
from rrdns.dns.responder import respond
from rrdns.loading import load
from rrdns.model import Profile, Snapshot, Zone
from rrdns.names import ROOT, Name, from_text, suffix_offsets
from rrdns.rrtypes import AAAA, DS, MX, A
from rrdns.settings import Config, Limits, ServerSettings
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot

CONFIG = """
nodes: {server1: {primary: 192.0.2.11}, server2: {primary: 192.0.2.21}}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts: {mx1: {role: primary}, mx2: {role: primary}}
    records:
      "*": {type: A, value: 192.0.2.80}
      deep.static: {type: A, value: 192.0.2.81}
  z.y.deep.static.example.com: {nameservers: {ns1.example.com: [], ns2.example.com: []}}
profiles:
  default:
    nameservers: [ns1.example.com, ns2.example.com]
    mx: [10 mx1.example.com, 20 mx2.example.com]
domains: [{names: [a.b.c.example.com, customer.test, x.w.customer.test, alone.test]}]
"""


@pytest.fixture(params=KINDS, autouse=True, scope="module")
def loops(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test is for the loops in Python and for the compiled ones."""
    with pytest.MonkeyPatch.context() as patch:
        use_loops(request.param, patch)
        yield


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    path = tmp_path / "rrdns.yaml"
    path.write_text(CONFIG)
    return make_snapshot(load(path).config, {})


def still(_host: Name, _rrtype: int) -> int:
    return 0


def test_which_they_are(snapshot: Snapshot) -> None:
    assert snapshot.apex_ancestors == {
        from_text(name)
        for name in (
            "b.c.example.com", "c.example.com", "w.customer.test",
            "y.deep.static.example.com", "deep.static.example.com", "static.example.com",
        )
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 3))
def test_they_are_all_that_stand_between_two_apexes(data: st.DataObject, most: int) -> None:
    names = st.lists(st.sampled_from((b"\1a", b"\1b", b"\2cc")), max_size=5).map(
        lambda labels: b"".join(labels) + ROOT
    )
    apexes = data.draw(st.lists(names, max_size=8, unique=True))
    static = contents("", "test.")
    config = Config(
        path="/rrdns.yaml",
        sha256="",
        server=ServerSettings((), None, "/control"),
        limits=Limits(),
        probe_concurrency=1,
        nodes=(),
        zones={apex: Zone(apex, static) for apex in apexes[::2]},
        profiles={},
        domains=dict.fromkeys(apexes[1::2], Profile("default", static)),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings_module, "_MOST_BARE", most)
        found = config.apex_ancestors
    above = {apex: [apex[offset:] for offset in suffix_offsets(apex)][1:] for apex in apexes}
    assert found == {
        name
        for ancestors in above.values()
        for number, name in enumerate(ancestors)
        if not any(each in apexes for each in ancestors[: number + 1])
        and any(each in apexes for each in ancestors[number + 1 :])
    }


@pytest.mark.parametrize(
    ("name", "rrtype", "kind"),
    [
        ("b.c.example.com", MX, Kind.NODATA),
        ("c.example.com", A, Kind.NODATA),
        ("c.example.com", DS, Kind.NODATA),
        ("w.customer.test", A, Kind.NODATA),
        ("y.deep.static.example.com", AAAA, Kind.NODATA),
        ("deep.static.example.com", A, Kind.ANSWER),
        # The closest encloser is an empty non-terminal, and has no wildcard below it.
        ("q.c.example.com", A, Kind.NXDOMAIN),
        ("q.w.customer.test", A, Kind.NXDOMAIN),
        # Others are the wildcard's, or are not there.
        ("q.example.com", A, Kind.ANSWER),
        ("q.customer.test", A, Kind.NXDOMAIN),
        ("a.b.c.example.com", MX, Kind.ANSWER),
    ],
)
def test_they_exist_without_data(
    make_executor: Maker, snapshot: Snapshot, name: str, rrtype: int, kind: Kind
) -> None:
    assert lookup(snapshot, from_text(name), rrtype, still).kind is kind
    executor = make_executor(compile_table(snapshot, 1))
    packet = bytes.fromhex("77770000000100000000 0000") + from_text(name)
    packet += rrtype.to_bytes(2, "big") + b"\0\1"
    said = executor.execute(packet, 0)
    expected = respond(packet, snapshot, Asker(Transport.UDP), rotation=still)
    assert said is None or said == expected


def test_without_them_nothing_is_left_to_the_responder(
    make_executor: Maker, snapshot: Snapshot
) -> None:
    alone = replace(snapshot, apex_ancestors=frozenset())
    packet = bytes.fromhex("77770000000100000000 0000") + from_text("q.customer.test") + b"\0\1\0\1"
    for world in (snapshot, alone):
        assert make_executor(compile_table(world, 1)).execute(packet, 0) is not None
