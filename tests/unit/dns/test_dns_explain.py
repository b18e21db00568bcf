"""What an operator is told of an answer."""

import dataclasses

import pytest
from support.dns_worlds import contents, host, snapshot

from rrdns.dns.explain import Explanation, explain
from rrdns.model import Choice, HostAnswer, Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import A, type_number
from rrdns.targets import Health

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
        "failopen": True,
        "degraded": True,
        "addresses": [
            {"node": "node0", "role": "primary", "address": "192.0.2.1", "answered": True,
             "why": "healthy"},
            {"node": "node1", "role": "primary", "address": "192.0.2.2", "answered": False,
             "why": "down"},
        ],
    }  # fmt: skip


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
