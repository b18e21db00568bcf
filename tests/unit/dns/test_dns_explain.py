"""What an operator is told of an answer."""

import dataclasses

import pytest
from support.dns_worlds import contents, host, snapshot
from support.tables import configure

from rrdns.dns.explain import Explanation, explain
from rrdns.health.select import Overrides
from rrdns.model import Choice, HostAnswer, Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import A, type_number
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health, Override, Verdict

ZONE = """
www A 192.0.2.80
alias CNAME mx1
sub NS ns.elsewhere.test.
"""
SOA = "zone.test. 60 IN SOA ns.other.test. root.zone.test. 1 2 3 4 60"


@pytest.fixture(scope="module")
def world() -> Snapshot:
    hosts = {"mx1": host("mx1.zone.test.", "192.0.2.1", "192.0.2.2")}
    return snapshot(
        {"zone.test.": contents(ZONE, "zone.test.", hosts)},
        {"mail": contents("@ MX 10 mx1.zone.test.", "any.")},
        {"customer.test.": "mail"},
    )


def tell(world: Snapshot, name: str, rrtype: str) -> Explanation:
    return explain(world, from_text(name), type_number(rrtype))


@pytest.mark.parametrize(
    ("name", "rrtype", "lines"),
    [
        ("www.zone.test.", "A", [
            "www.zone.test. A: NOERROR, an answer",
            "zone: zone.test. (a zone of our own)",
            "answer:",
            "  www.zone.test. 300 IN A 192.0.2.80",
        ]),
        ("mx1.zone.test.", "A", [
            "mx1.zone.test. A: NOERROR, an answer",
            "zone: zone.test. (a zone of our own)",
            "host: mx1.zone.test. ipv4 (round-robin)",
            "  in  192.0.2.1  node0/primary: healthy",
            "  in  192.0.2.2  node1/primary: healthy",
            "answer:",
            "  mx1.zone.test. 60 IN A 192.0.2.1",
            "  mx1.zone.test. 60 IN A 192.0.2.2",
        ]),
        ("mx1.zone.test.", "AAAA", [
            "mx1.zone.test. AAAA: NOERROR, the name is there, but has no record of this type"
            " (NODATA)",
            "zone: zone.test. (a zone of our own)",
            "host: mx1.zone.test. ipv6 (round-robin)",
            "authority:",
            f"  {SOA}",
        ]),
        ("gone.zone.test.", "TYPE65280", [
            "gone.zone.test. TYPE65280: NXDOMAIN, no such name in the zone",
            "zone: zone.test. (a zone of our own)",
            "authority:",
            f"  {SOA}",
        ]),
        ("customer.test.", "MX", [
            "customer.test. MX: NOERROR, an answer",
            "zone: customer.test. (profile mail)",
            "answer:",
            "  customer.test. 300 IN MX 10 mx1.zone.test.",
        ]),
        ("x.sub.zone.test.", "A", [
            "x.sub.zone.test. A: NOERROR, the name is delegated to other servers",
            "zone: zone.test. (a zone of our own)",
            "authority:",
            "  sub.zone.test. 300 IN NS ns.elsewhere.test.",
        ]),
        ("elsewhere.test.", "A", [
            "elsewhere.test. A: REFUSED, outside of all zones of this server",
        ]),
    ],
)  # fmt: skip
def test_the_lines(world: Snapshot, name: str, rrtype: str, lines: list[str]) -> None:
    assert tell(world, name, rrtype).lines() == lines


@pytest.mark.parametrize("rrtype", ["A", "ANY"])
def test_the_host_at_the_end_of_a_chain_is_told(world: Snapshot, rrtype: str) -> None:
    found = tell(world, "alias.zone.test." if rrtype == "A" else "mx1.zone.test.", rrtype)
    assert found.host is not None
    assert found.host.host == "mx1.zone.test."
    assert [entry.address for entry in found.host.addresses] == ["192.0.2.1", "192.0.2.2"]


def test_trouble_is_told(world: Snapshot) -> None:
    key = (from_text("mx1.zone.test."), A)
    whole = world.answers[key]
    one, two = whole.selection.choices
    selection = dataclasses.replace(
        whole.selection,
        choices=(one, Choice(two.member, Health.DOWN, False, "down")),
        failopen=True,
        degraded=True,
    )
    troubled = dataclasses.replace(
        world, answers={**world.answers, key: HostAnswer(selection, whole.variants)}
    )
    found = tell(troubled, "mx1.zone.test.", "A")
    assert found.lines()[2:5] == [
        "host: mx1.zone.test. ipv4"
        " (round-robin, fail open: too few are healthy, degraded: none is healthy)",
        "  in  192.0.2.1  node0/primary: healthy",
        "  out 192.0.2.2  node1/primary: down",
    ]
    assert found.as_dict()["host"] == {
        "host": "mx1.zone.test.",
        "family": "ipv4",
        "policy": "round-robin",
        "max_answers": 8,
        "failopen": True,
        "degraded": True,
        "by_fallback": False,
        "addresses": [
            {"node": "node0", "role": "primary", "address": "192.0.2.1", "answered": True,
             "why": "healthy", "weight": 1, "tier": 1, "fallback": None},
            {"node": "node1", "role": "primary", "address": "192.0.2.2", "answered": False,
             "why": "down", "weight": 1, "tier": 1, "fallback": None},
        ],
    }  # fmt: skip


LAYERS = """\
server: {listen: ["127.0.0.1:5399"], http: null, control: control.sock, state_directory: null}
nodes:
  server1: {primary: 192.0.2.11, weight: 3}
  server2: {primary: 192.0.2.21}
  server3: {primary: 192.0.2.31}
  server4: {primary: 192.0.2.41, weight: 0, tier: 2}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts:
      mx1: {role: primary, policy: weighted, max_answers: 2}
      mx4: {addresses: [203.0.113.10], fallback: mx1}
"""


@pytest.mark.parametrize(
    ("name", "down", "overrides", "lines"),
    [
        ("mx1", {"192.0.2.31"}, {}, [
            "host: mx1.example.com. ipv4 (weighted)",
            "  in  192.0.2.11  server1/primary, tier 1, weight 3: unknown, counts as healthy",
            "  in  192.0.2.21  server2/primary, tier 1, weight 1: unknown, counts as healthy",
            "  out 192.0.2.31  server3/primary, tier 1, weight 1: down",
            "  out 192.0.2.41  server4/primary, tier 2, weight 0:"
            " unknown, counts as healthy, kept in reserve: a lower tier has enough",
        ]),
        ("mx1", set(), {("server2", None): Override(Verdict.DOWN, 1.0, None, "new disks")}, [
            "host: mx1.example.com. ipv4 (weighted)",
            "  in  192.0.2.11  server1/primary, tier 1, weight 3: unknown, counts as healthy",
            "  out 192.0.2.21  server2/primary, tier 1, weight 1:"
            " down by an operator's override (new disks)",
            "  in  192.0.2.31  server3/primary, tier 1, weight 1: unknown, counts as healthy",
            "  out 192.0.2.41  server4/primary, tier 2, weight 0:"
            " unknown, counts as healthy, kept in reserve: a lower tier has enough",
        ]),
        ("mx4", set(), {}, [
            "host: mx4.example.com. ipv4 (round-robin)",
            "  in  203.0.113.10  mx4.example.com/address: unknown, counts as healthy",
        ]),
        ("mx4", {"203.0.113.10", "192.0.2.21", "192.0.2.31"}, {}, [
            "host: mx4.example.com. ipv4 (round-robin, degraded: none is healthy, by fallback)",
            "  out 203.0.113.10  mx4.example.com/address, tier 1: down",
            "  fallback: mx1.example.com.",
            "  in  192.0.2.11  server1/primary, tier 1: unknown, counts as healthy",
            "  out 192.0.2.21  server2/primary, tier 1: down",
            "  out 192.0.2.31  server3/primary, tier 1: down",
            "  out 192.0.2.41  server4/primary, tier 2:"
            " unknown, counts as healthy, kept in reserve: a lower tier has enough",
        ]),
    ],
)  # fmt: skip
def test_tiers_weights_overrides_and_the_fallback_are_told(
    name: str, down: set[str], overrides: Overrides, lines: list[str]
) -> None:
    config = configure(LAYERS)
    healths = {each.key: Health.DOWN for each in config.targets if each.address in down}
    told = tell(make_snapshot(config, healths, overrides=overrides), f"{name}.example.com.", "A")
    assert told.lines()[2 : 2 + len(lines)] == lines
    assert told.lines()[2 + len(lines)] == "answer:"


def test_how_many_are_answered_at_a_time_and_whose_they_are_is_told() -> None:
    config = configure(LAYERS)
    told = tell(make_snapshot(config, {}), "mx1.example.com.", "A")
    assert told.lines()[2] == "host: mx1.example.com. ipv4 (weighted, 2 of 3 a reply)"
    down = {each.key: Health.DOWN for each in config.targets if each.address == "203.0.113.10"}
    host = tell(make_snapshot(config, down), "mx4.example.com.", "A").as_dict()["host"]
    assert host["by_fallback"] is True
    assert [(one["address"], one["weight"], one["fallback"]) for one in host["addresses"]] == [
        ("203.0.113.10", 1, None),
        ("192.0.2.11", 3, "mx1.example.com."),
        ("192.0.2.21", 1, "mx1.example.com."),
        ("192.0.2.31", 1, "mx1.example.com."),
        ("192.0.2.41", 0, "mx1.example.com."),
    ]


def test_the_json(world: Snapshot) -> None:
    assert tell(world, "customer.test.", "A").as_dict() == {
        "name": "customer.test.",
        "type": "A",
        "rcode": "NOERROR",
        "outcome": "nodata",
        "zone": "customer.test.",
        "profile": "mail",
        "answer": [],
        "authority": ["customer.test. 60 IN SOA ns.other.test. root.customer.test. 1 2 3 4 60"],
        "host": None,
    }


@pytest.mark.parametrize(("rrtype", "rcode"), [(252, "REFUSED"), (253, "NOTIMP"), (250, "FORMERR")])
def test_types_that_are_no_records_are_answered_as_on_the_wire(rrtype: int, rcode: str) -> None:
    explanation = explain(Snapshot({}, {}, {}, {}), from_text("www.test."), rrtype)
    assert explanation.rcode == rcode
    assert explanation.as_dict()["outcome"] is None
    assert explanation.lines()[0].endswith(f"{rcode}, no type that can be asked for here")
