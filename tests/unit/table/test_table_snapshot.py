from dataclasses import replace

from support.tables import configure

from rrdns.model import Host, Member
from rrdns.names import from_text
from rrdns.rrtypes import AAAA, A
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health, ProbeSettings, Target

MX1 = from_text("mx1.example.com.")


def test_has_both_types_of_every_host() -> None:
    config = configure()
    snapshot = make_snapshot(config, {})
    assert set(snapshot.answers) == {
        (host.name, rrtype) for host in config.hosts() for rrtype in (A, AAAA)
    }
    assert snapshot.zones is config.zones
    assert snapshot.domains is config.domains
    assert snapshot.udp_payload == config.limits.udp_payload


def test_hosts_over_the_same_nodes_start_from_different_ones() -> None:
    answers = make_snapshot(configure(), {}).answers
    leads = [
        answers[from_text(name), A].variants[0][0][-1]
        for name in ("mx1.example.com.", "mx2.example.com.", "mx3.example.com.")
    ]
    assert leads == [11, 22, 31]


def test_what_is_down_is_left_out() -> None:
    config = configure()
    down = next(target.key for target in config.targets if target.address == "192.0.2.11")
    variants = make_snapshot(config, {down: Health.DOWN}).answers[MX1, A].variants
    assert {address[-1] for address in variants[0]} == {21, 31}


def test_an_address_of_two_members_is_answered_once() -> None:
    target = Target("192.0.2.11", ProbeSettings())
    members = tuple(Member(node, "primary", target) for node in ("server1", "server2"))
    config = configure()
    zone = config.zones[from_text("example.com.")]
    hosts = {b"\x03mx1": Host(MX1, members)}
    zones = {zone.apex: replace(zone, contents=replace(zone.contents, hosts=hosts))}
    answers = make_snapshot(replace(config, zones=zones), {}).answers
    assert answers[MX1, A].variants == ((bytes([192, 0, 2, 11]),),)
    assert answers[MX1, AAAA].variants == ()
