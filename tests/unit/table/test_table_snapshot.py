import random
from dataclasses import replace

from support.tables import configure

from rrdns.health.select import Overrides
from rrdns.model import Host, Member, Snapshot
from rrdns.names import Name, from_text
from rrdns.rrtypes import AAAA, A
from rrdns.settings import Config
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health, Override, ProbeSettings, Target, TargetKey, Verdict

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


POLICIES = """\
server: {listen: ["127.0.0.1:5399"], http: null, control: control.sock, state_directory: null}
nodes:
  server1: {primary: 192.0.2.11, weight: 2}
  server2: {primary: 192.0.2.21}
  server3: {primary: 192.0.2.31, weight: 0}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts:
      mx1: {role: primary, policy: weighted}
      mx2: {role: primary, policy: random}
      mx3: {role: primary, policy: random}
      mx4: {addresses: [203.0.113.10], fallback: mx1, ttl: 30, policy: weighted}
"""
MX2, MX3, MX4 = (from_text(f"mx{number}.example.com.") for number in (2, 3, 4))


def leads(snapshot: Snapshot, host: Name) -> list[int]:
    return [variant[0][-1] for variant in snapshot.answers[host, A].variants]


def down(config: Config, *addresses: str) -> dict[TargetKey, Health]:
    return {each.key: Health.DOWN for each in config.targets if each.address in addresses}


def test_each_host_has_its_policy() -> None:
    snapshot = make_snapshot(configure(POLICIES), {})
    assert leads(snapshot, MX1) == [11, 21, 11]
    assert len(leads(snapshot, MX2)) == 63
    assert sorted(set(leads(snapshot, MX2))) == [11, 21, 31]


def test_random_orders_depend_on_the_seed_and_the_host() -> None:
    config = configure(POLICIES)
    one, two = (make_snapshot(config, {}, seed=seed) for seed in (b"one", b"two"))
    assert leads(one, MX2) != leads(one, MX3)
    assert leads(one, MX2) != leads(two, MX2)
    assert leads(one, MX2) == leads(make_snapshot(config, {}, seed=b"one"), MX2)


def test_stand_ins_are_answered_by_the_hosts_own_policy_and_their_weights() -> None:
    config = configure(POLICIES)
    snapshot = make_snapshot(config, down(config, "203.0.113.10"))
    assert leads(snapshot, MX4) == [11, 21, 11]
    assert snapshot.answers[MX4, A].selection.host.ttl_seconds == 30


def test_an_override_counts() -> None:
    config = configure(POLICIES)
    overrides: Overrides = {("server1", None): Override(Verdict.DOWN, 0.0)}
    assert leads(make_snapshot(config, {}, overrides=overrides), MX1) == [21]


def test_orders_are_taken_over_where_the_selection_stays() -> None:
    config = configure(POLICIES)
    first = make_snapshot(config, {}, seed=b"seed")
    second = make_snapshot(config, down(config, "203.0.113.10"), seed=b"seed", previous=first)
    for host in (MX1, MX2, MX3):
        assert second.answers[host, A].variants is first.answers[host, A].variants
        assert second.answers[host, A].marks is first.answers[host, A].marks
    assert leads(second, MX4) == [11, 21, 11]
    third = make_snapshot(config, down(config, "192.0.2.21"), seed=b"seed", previous=second)
    fresh = make_snapshot(config, down(config, "192.0.2.21"), seed=b"seed")
    assert third == fresh
    # What is known of the states is new in any case.
    same = {each.key: Health.UP for each in config.targets}
    taken = make_snapshot(config, same, seed=b"seed", previous=first).answers[MX1, A]
    assert taken.selection.choices[0].health is Health.UP


SHARED = """\
server: {listen: ["127.0.0.1:5399"], http: null, control: control.sock, state_directory: null}
nodes:
  server1: {primary: 192.0.2.11, tier: 2}
  server2: {primary: 192.0.2.21}
  server3: {primary: 192.0.2.31}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts:
      mx1: {role: primary, min_healthy: 2, fallback: mx2}
      mx2: {role: primary, tiers: 1}
"""


def test_the_same_address_of_a_fallback_has_its_place_in_that_ones_sequence() -> None:
    config = configure(SHARED)
    keys = {each.address: each.key for each in config.targets}
    others = (keys["192.0.2.11"], keys["192.0.2.31"])
    own = make_snapshot(config, dict.fromkeys(others, Health.PENDING))
    by_fallback = make_snapshot(config, dict.fromkeys(others, Health.DOWN), previous=own)
    assert leads(own, MX1) == leads(by_fallback, MX1) == [21]
    assert by_fallback.answers[MX1, A].selection.by_fallback
    assert (own.answers[MX1, A].marks, by_fallback.answers[MX1, A].marks) == ((1,), (0,))


def test_orders_of_another_configuration_are_not_taken_over() -> None:
    before = make_snapshot(configure(POLICIES), {})
    changed = POLICIES.replace("mx1: {role: primary, policy: weighted}", "mx1: {role: primary}")
    assert leads(make_snapshot(configure(changed), {}, previous=before), MX1) == [11, 21, 31]


def test_only_hosts_with_a_target_that_changed_are_selected_anew() -> None:
    config = configure(POLICIES)
    chance = random.Random(5)
    healths = dict.fromkeys((each.key for each in config.targets), Health.UP)
    overrides: Overrides = {}
    snapshot = make_snapshot(config, healths, seed=b"seed")
    spared = 0
    for turn in range(300):
        healths = {**healths, chance.choice(list(healths)): chance.choice(list(Health))}
        if turn % 50 == 49:
            overrides = {} if overrides else {("server2", None): Override(Verdict.DOWN, 0.0)}
        before = snapshot
        snapshot = make_snapshot(config, healths, None, overrides, seed=b"seed", previous=before)
        assert snapshot == make_snapshot(config, healths, None, overrides, seed=b"seed")
        spared += sum(snapshot.answers[key] is answer for key, answer in before.answers.items())
    # The load balancer has a target of its own, so that often the others stay as they are.
    assert spared > 300
    # With other targets than it knew, nothing is taken for granted.
    fewer = dict(list(healths.items())[1:])
    turned = dict(reversed(healths.items()))
    for other in (fewer, turned):
        found = make_snapshot(config, other, None, overrides, seed=b"seed", previous=snapshot)
        assert found == make_snapshot(config, other, None, overrides, seed=b"seed")
