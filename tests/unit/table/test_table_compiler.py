import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables import (
    TCP4,
    UDP4,
    ask,
    configure,
    expected,
    opt,
    rcode,
)

from rrdns.model import RRset, Snapshot
from rrdns.names import ROOT, from_text
from rrdns.rrtypes import DS, MX, NOERROR, NS, NXDOMAIN, REFUSED, TXT
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health, TargetKey

CONFIG = configure()
SNAPSHOT = make_snapshot(CONFIG, {})
TABLE = compile_table(SNAPSHOT, 1)
HOSTS = ("mx1.example.com.", "mx2.example.com.", "mx3.example.com.")
HOST_QUERIES = [ask(name, rrtype) for name in HOSTS for rrtype in ("A", "AAAA", "TXT", "MX")]
NAMES = (
    *HOSTS,
    *("example.com.", "www.example.com.", "alias.example.com.", "a.b.c.example.com."),
    *("b.c.example.com.", "nothing.example.com.", "x.nothing.example.com.", "ns1.example.com."),
    *("customer.test.", "www.customer.test.", "x.y.customer.test.", "y.customer.test."),
    *("q.customer.test.", "sub.example.com.", "www.sub.example.com.", "q.sub.example.com."),
    *("wild.test.", "q.wild.test.", "wild.example.", "q.wild.example.", "child.wild.example."),
    *("below.child.wild.example.", "*.wild.example.", "com.", "test.", "elsewhere.net.", "."),
)
TYPES = ("A", "AAAA", "MX", "NS", "SOA", "TXT", "CNAME", "DS", "ANY", "HTTPS", 65280)


def name_of(octets: int, apex: bytes = b"") -> bytes:
    """A name of that many octets: labels as long as they may be, then `apex` or the root."""
    apex = apex or b"\0"
    room = octets - len(apex)
    labels = b""
    while room:
        label = min(room - 1, 63)
        # No room of one octet may be left: a label has at least two.
        label -= room - 1 - label == 1
        labels += bytes([label]) + b"q" * label
        room -= 1 + label
    return labels + apex


def with_domains(snapshot: Snapshot, *domains: bytes) -> Snapshot:
    """The snapshot with more domains of its default profile."""
    more = dict.fromkeys(domains, snapshot.profiles["default"])
    return replace(snapshot, domains={**snapshot.domains, **more})


def with_profile_rrset(prefix: bytes, rrset: RRset) -> Snapshot:
    """A snapshot whose default profile has another RRset, and no domains."""
    default = SNAPSHOT.profiles["default"]
    rrsets = {owner: dict(types) for owner, types in default.contents.rrsets.items()}
    rrsets.setdefault(prefix, {})[rrset.rrtype] = rrset
    changed = replace(default, contents=replace(default.contents, rrsets=rrsets))
    return replace(SNAPSHOT, profiles={"default": changed}, domains={})


@pytest.mark.parametrize("slot", [UDP4, TCP4])
def test_every_answer_is_the_responders_or_a_miss(slot: int) -> None:
    hits = set()
    for name in NAMES:
        for rrtype in TYPES:
            for tail in (b"", opt(), opt(512, flags=0x8000)):
                packet = ask(name, rrtype, tail=tail)
                said = PythonExecutor(TABLE).execute(packet, slot)
                if said is not None:
                    hits.add((name, rrtype))
                    assert said == expected(packet, SNAPSHOT, slot), (name, rrtype)
    ordinary = {
        (name, rrtype)
        for name in (*HOSTS, "customer.test.", "q.customer.test.", "elsewhere.net.")
        for rrtype in ("A", "AAAA", "MX", "TXT", "HTTPS", 65280)
    }
    assert ordinary <= hits


def test_compiling_with_a_table_before_says_what_a_full_one_says() -> None:
    keys = [target.key for target in CONFIG.targets]
    chosen = random.Random(5)

    @given(st.lists(st.dictionaries(st.sampled_from(keys), st.sampled_from(Health)), max_size=4))
    @settings(max_examples=15, deadline=None)
    def check(steps: list[Mapping[TargetKey, Health]]) -> None:
        table = compile_table(make_snapshot(CONFIG, {}), 1)
        for healths in steps:
            snapshot = make_snapshot(CONFIG, healths)
            table = compile_table(snapshot, table.generation + 1, table)
            turn = chosen.randrange(1000)
            for packet in HOST_QUERIES:
                stepped = PythonExecutor(table, turn).execute(packet, UDP4)
                whole = PythonExecutor(compile_table(snapshot, 9), turn).execute(packet, UDP4)
                assert stepped == whole == expected(packet, snapshot, UDP4, turn)

    check()


def test_a_verdict_recompiles_its_hosts_and_nothing_else() -> None:
    first = compile_table(make_snapshot(CONFIG, {}), 1)
    down = {t.key: Health.DOWN for t in CONFIG.targets if t.address == "192.0.2.12"}
    second = compile_table(make_snapshot(CONFIG, down), 2, first)
    changed = {name for name in first.names if first.names[name] is not second.names[name]}
    assert changed == {from_text("mx2.example.com.")}
    assert second.profiles is first.profiles
    assert second.zones is first.zones
    assert second.generation == 2


@pytest.mark.parametrize("field", ["zones", "profiles", "domains", "answers", "udp_payload"])
def test_what_else_changes_is_compiled_whole(field: str) -> None:
    first = compile_table(make_snapshot(CONFIG, {}), 1)
    value: Any = 512
    if field != "udp_payload":
        value = dict(list(getattr(first.snapshot, field).items())[::-1])
    second = compile_table(replace(first.snapshot, **{field: value}), 2, first)
    assert second.profiles is not first.profiles
    assert second.names.keys() == first.names.keys()


# --- templates --------------------------------------------------------------------------------


LENGTHS = (1, 3, *range(5, 256))


def test_domains_of_all_lengths_are_answered_as_the_responder_does() -> None:
    domains = [name_of(octets) for octets in LENGTHS]
    snapshot = with_domains(SNAPSHOT, *domains[1:])
    executor = PythonExecutor(compile_table(snapshot, 1))
    for domain in domains[1:]:
        below = [prefix + domain for prefix in (b"\1x\1y", b"\1y", b"\2zz")]
        for name in (domain, *(name for name in below if len(name) <= 255)):
            for rrtype in ("MX", "SOA", "A", "TXT"):
                packet = ask(name, rrtype, tail=opt())
                assert executor.execute(packet, UDP4) == expected(packet, snapshot)


def test_names_of_all_lengths_outside_are_refused() -> None:
    executor = PythonExecutor(TABLE)
    for octets in LENGTHS:
        packet = ask(name_of(octets), tail=opt())
        said = executor.execute(packet, UDP4)
        assert said == expected(packet, SNAPSHOT)
        assert rcode(said) == REFUSED


def test_names_of_all_lengths_in_a_zone_do_not_exist() -> None:
    executor = PythonExecutor(TABLE)
    apex = from_text("example.com.")
    for octets in range(len(apex) + 2, 256):
        packet = ask(name_of(octets, apex), tail=opt())
        said = executor.execute(packet, UDP4)
        assert said == expected(packet, SNAPSHOT)
        assert rcode(said) == NXDOMAIN


def test_records_without_a_template_are_never_called_absent() -> None:
    # Each name stands twice, the second time as a pointer to what is beyond its reach.
    exchanges = [b"\0\12" + bytes([60]) + b"%060d" % number + ROOT for number in range(300)]
    exchanges += [b"\0\24" + exchange[2:] for exchange in exchanges]
    snapshot = with_profile_rrset(b"", RRset(MX, 60, tuple(exchanges)))
    snapshot = with_domains(snapshot, *(name_of(octets) for octets in (3, 100, 255)))
    table = compile_table(snapshot, 1)
    assert not table.profiles["default"].nodes[b""].entries.keys() & {b"\0\17\0\1"}
    for domain in snapshot.domains:
        for rrtype in ("MX", "SOA", "NS", "A", "TXT", "HTTPS"):
            packet = ask(domain, rrtype)
            said = PythonExecutor(table).execute(packet, TCP4)
            assert said is None or said == expected(packet, snapshot, TCP4)
        assert PythonExecutor(table).execute(ask(domain, "MX"), TCP4) is None


def test_pointers_at_the_edge_of_their_reach_are_never_written_wrong() -> None:
    # The last record points to the one before it, which stands about where 14 bits end: within
    # them for short QNAMEs, beyond for long ones.
    domains = [name_of(octets) for octets in (3, 11, 65, 66, 128, 255)]
    templated = set()
    for filler in range(15950, 16400, 10):
        one = b"\0\12" + from_text("one.last.test.")
        two = b"\0\12" + from_text("two.last.test.")
        snapshot = with_profile_rrset(b"", RRset(MX, 60, (*_filling(filler), one, two)))
        snapshot = with_domains(snapshot, *domains)
        executor = PythonExecutor(compile_table(snapshot, 1))
        for domain in domains:
            packet = ask(domain, "MX")
            said = executor.execute(packet, TCP4)
            assert said is None or said == expected(packet, snapshot, TCP4)
            templated.add(said is not None)
    assert templated == {True, False}


def test_no_sample_fits_a_prefix_of_full_length() -> None:
    prefix = name_of(253)[:-1]
    snapshot = with_profile_rrset(prefix, RRset(TXT, 60, (b"\3far",)))
    snapshot = with_domains(snapshot, b"\1d\0")
    executor = PythonExecutor(compile_table(snapshot, 1))
    for rrtype in ("TXT", "A"):
        packet = ask(prefix + b"\1d\0", rrtype)
        said = executor.execute(packet, UDP4)
        assert said is None or said == expected(packet, snapshot)


def test_a_zone_whose_apex_leaves_no_room_below() -> None:
    apex = name_of(255)
    zone = replace(SNAPSHOT.zones[from_text("wild.example.")], apex=apex)
    rrsets = {b"": zone.contents.rrsets[b""]}
    zone = replace(zone, contents=replace(zone.contents, rrsets=rrsets))
    snapshot = replace(SNAPSHOT, zones={**SNAPSHOT.zones, apex: zone})
    table = compile_table(snapshot, 1)
    assert table.zones[apex].nxdomain is None
    packet = ask(apex, "NS", tail=opt())
    assert PythonExecutor(table).execute(packet, UDP4) == expected(packet, snapshot)


def test_a_profile_with_a_delegation_leaves_names_below_it_to_the_responder() -> None:
    snapshot = with_profile_rrset(b"\5child", RRset(NS, 60, (from_text("ns1.example.com."),)))
    snapshot = with_domains(snapshot, from_text("customer.test."))
    executor = PythonExecutor(compile_table(snapshot, 1))
    for name in ("child.customer.test.", "q.child.customer.test."):
        assert executor.execute(ask(name), UDP4) is None
    packet = ask("q.customer.test.")
    assert executor.execute(packet, UDP4) == expected(packet, snapshot)
    assert rcode(executor.execute(ask("customer.test.", "MX"), UDP4)) == NOERROR


def test_what_a_wildcard_gives_is_a_template() -> None:
    executor = PythonExecutor(TABLE)
    for name in ("q.wild.example.", "a.q.wild.example.", "q.wild.test.", "*.wild.example."):
        for rrtype in ("TXT", "MX", "A"):
            packet = ask(name, rrtype)
            assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT)


def test_names_below_delegations_are_the_responders() -> None:
    executor = PythonExecutor(TABLE)
    for name in ("child.wild.example.", "q.child.wild.example."):
        assert executor.execute(ask(name, "TXT"), UDP4) is None


def test_a_host_below_a_delegation_or_a_deeper_apex_is_not_compiled() -> None:
    apex = from_text("example.com.")
    zone = SNAPSHOT.zones[apex]
    rrsets = {**zone.contents.rrsets, b"\3mx1": {NS: RRset(NS, 60, (b"\2ns\0",))}}
    cut = replace(zone, contents=replace(zone.contents, rrsets=rrsets))
    config = replace(CONFIG, zones={**CONFIG.zones, apex: cut})
    down = {target.key: Health.DOWN for target in config.targets[:2]}
    first = compile_table(make_snapshot(config, {}), 1)
    second = compile_table(make_snapshot(config, down), 2, first)
    for table in (first, second):
        assert PythonExecutor(table).execute(ask("mx1.example.com."), UDP4) is None
        for packet in HOST_QUERIES[4:]:
            said = PythonExecutor(table).execute(packet, UDP4)
            assert said is None or said == expected(packet, table.snapshot)


def test_names_hidden_by_a_deeper_apex_are_that_ones() -> None:
    snapshot = with_domains(SNAPSHOT, from_text("b.c.example.com."))
    executor = PythonExecutor(compile_table(snapshot, 1))
    for name in ("b.c.example.com.", "a.b.c.example.com.", "c.example.com.", "q.c.example.com."):
        for rrtype in ("TXT", "MX"):
            packet = ask(name, rrtype)
            assert executor.execute(packet, UDP4) == expected(packet, snapshot)


def test_a_zone_with_a_name_of_the_samples_has_no_template() -> None:
    apex = from_text("example.com.")
    zone = SNAPSHOT.zones[apex]
    rrsets = {**zone.contents.rrsets, b"\1\xf0": {TXT: RRset(TXT, 60, (b"\3odd",))}}
    zone = replace(zone, contents=replace(zone.contents, rrsets=rrsets))
    snapshot = replace(SNAPSHOT, zones={**SNAPSHOT.zones, apex: zone})
    executor = PythonExecutor(compile_table(snapshot, 1))
    assert executor.execute(ask("absent.example.com."), UDP4) is None
    packet = ask(b"\1\xf0" + apex)
    assert executor.execute(packet, UDP4) == expected(packet, snapshot)


def test_ds_at_a_domains_apex_belongs_to_the_zone_above() -> None:
    snapshot = with_profile_rrset(b"", RRset(DS, 60, (b"\0\1\15\2" + b"\xab" * 32,)))
    below = from_text("customer.example.com.")
    snapshot = with_domains(snapshot, below, from_text("customer.test."))
    executor = PythonExecutor(compile_table(snapshot, 1))
    for domain in snapshot.domains:
        assert executor.execute(ask(domain, "DS"), UDP4) is None


def _filling(octets: int) -> list[bytes]:
    """MX RDATAs without a name in common, so that with owner, type and so on they have `octets`."""
    rdatas = []
    number = 0
    while octets:
        # 12 octets stand before each RDATA; what is left must hold another record, or nothing.
        size = octets if octets <= 77 else min(77, octets - 20)
        label = b"%0*d" % (size - 12 - 2 - 2, number)
        rdatas.append(b"\0\12" + bytes([len(label)]) + label + ROOT)
        octets -= size
        number += 1
    return rdatas
