"""From a name and a type to an outcome, over worlds of a few records."""

import pytest
from support.dns_worlds import contents, host, snapshot, soa

from rrdns.dns.lookup import Kind, Outcome, find_place, lookup, soa_rdata
from rrdns.dns.zonefile import rdata_text
from rrdns.model import Snapshot
from rrdns.names import ROOT, from_text, to_text
from rrdns.rrtypes import AAAA, A, type_number, type_text

ZONE = """
www A 192.0.2.80
www A 192.0.2.81
www TXT "text"
alias CNAME www
host-alias CNAME mx1
out CNAME www.elsewhere.test.
gone CNAME nothere
loop CNAME loop
to-sub CNAME x.sub
deep.er.most A 192.0.2.82
*.wild A 192.0.2.90
*.wild-alias CNAME www
there.wild TXT "here"
x.*.star A 192.0.2.91
only-txt TXT "one"
only-mx MX 10 mx1
only-odd TYPE65280 \\# 0
two-odd TYPE65281 \\# 1 00
two-odd TYPE65280 \\# 1 00
sub NS NS.SUB.zone.test.
sub NS www
sub NS ns.elsewhere.test.
sub NS nowhere
sub DS 1 13 2 00000000000000000000000000000000000000000000000000000000000000ff
ns.sub A 192.0.2.53
ns.sub AAAA 2001:db8::53
sub.sub NS ns.elsewhere.test.
shout NS NS.SHOUT
ns.shout A 192.0.2.54
"""
CHAIN = "\n".join(f"c{number} CNAME c{number + 1}" for number in range(40)) + "\nc40 A 192.0.2.1"


@pytest.fixture(scope="module")
def world() -> Snapshot:
    hosts = {
        "mx1": host("mx1.zone.test.", "192.0.2.1", "192.0.2.2", "2001:db8::1"),
        "v6": host("v6.zone.test.", "2001:db8::2", ttl_seconds=30),
    }
    return snapshot(
        {
            "zone.test.": contents(ZONE, "zone.test.", hosts),
            "child.zone.test.": contents("www A 192.0.2.70", "child.zone.test."),
            "x.wild.zone.test.": contents("", "x.wild.zone.test."),
            "chain.test.": contents(CHAIN, "chain.test."),
        },
        {"mail": contents("@ MX 10 mx1.zone.test.\nwww CNAME www.zone.test.", "any.")},
        {"customer.test.": "mail", "sub.customer.test.": "mail", "kunde.zone.test.": "mail"},
    )


def ask(world: Snapshot, name: str, rrtype: str, turn: int = 0) -> Outcome:
    return lookup(world, from_text(name), type_number(rrtype), lambda _host, _rrtype: turn)


def said(outcome: Outcome) -> list[str]:
    return [
        f"{to_text(record.owner)} {record.ttl_seconds} {type_text(record.rrtype)}"
        f" {rdata_text(record.rrtype, record.rdata)}"
        for record in (*outcome.answer, *outcome.authority, *outcome.additional)
    ]


NEGATIVE = "zone.test. 60 SOA ns.other.test. root.zone.test. 1 2 3 4 60"
WWW = ["www.zone.test. 300 A 192.0.2.80", "www.zone.test. 300 A 192.0.2.81"]
MX1 = ["mx1.zone.test. 60 A 192.0.2.1", "mx1.zone.test. 60 A 192.0.2.2"]


@pytest.mark.parametrize(
    ("name", "rrtype", "records"),
    [
        ("www", "A", WWW),
        ("www", "TXT", ['www.zone.test. 300 TXT "text"']),
        ("mx1", "A", MX1),
        ("mx1", "AAAA", ["mx1.zone.test. 60 AAAA 2001:db8::1"]),
        ("v6", "AAAA", ["v6.zone.test. 30 AAAA 2001:db8::2"]),
        ("alias", "A", ["alias.zone.test. 300 CNAME www.zone.test.", *WWW]),
        ("alias", "CNAME", ["alias.zone.test. 300 CNAME www.zone.test."]),
        ("alias", "ANY", ["alias.zone.test. 300 CNAME www.zone.test."]),
        ("host-alias", "A", ["host-alias.zone.test. 300 CNAME mx1.zone.test.", *MX1]),
        ("out", "A", ["out.zone.test. 300 CNAME www.elsewhere.test."]),
        ("loop", "A", ["loop.zone.test. 300 CNAME loop.zone.test."]),
        ("a.wild", "A", ["a.wild.zone.test. 300 A 192.0.2.90"]),
        ("b.a.wild", "A", ["b.a.wild.zone.test. 300 A 192.0.2.90"]),
        ("a.wild", "ANY", ["a.wild.zone.test. 300 A 192.0.2.90"]),
        ("a.wild-alias", "TXT", [
            "a.wild-alias.zone.test. 300 CNAME www.zone.test.", 'www.zone.test. 300 TXT "text"',
        ]),
        ("sub", "DS", [f"sub.zone.test. 300 DS 1 13 2 {'00' * 31}ff"]),
        # RFC 8482: one RRset, the more telling ones first.
        ("www", "ANY", WWW),
        ("mx1", "ANY", MX1),
        ("v6", "ANY", ["v6.zone.test. 30 AAAA 2001:db8::2"]),
        ("only-txt", "ANY", ['only-txt.zone.test. 300 TXT "one"']),
        ("only-mx", "ANY", ["only-mx.zone.test. 300 MX 10 mx1.zone.test."]),
        ("only-odd", "ANY", ["only-odd.zone.test. 300 TYPE65280 \\# 0"]),
        ("two-odd", "ANY", ["two-odd.zone.test. 300 TYPE65280 \\# 1 00"]),
    ],
)  # fmt: skip
def test_answers(world: Snapshot, name: str, rrtype: str, records: list[str]) -> None:
    outcome = ask(world, f"{name}.zone.test.", rrtype)
    assert outcome.kind is Kind.ANSWER
    assert said(outcome) == records


@pytest.mark.parametrize(
    ("name", "rrtype", "kind"),
    [
        ("@", "A", Kind.NODATA),
        ("www", "MX", Kind.NODATA),
        ("www", "SOA", Kind.NODATA),
        ("mx1", "MX", Kind.NODATA),
        ("v6", "A", Kind.NODATA),
        ("er.most", "A", Kind.NODATA),
        ("most", "ANY", Kind.NODATA),
        ("a.wild", "MX", Kind.NODATA),
        ("a.star", "A", Kind.NODATA),
        ("there.wild", "A", Kind.NODATA),
        ("wild", "A", Kind.NODATA),
        ("nothere", "A", Kind.NXDOMAIN),
        ("a.there.wild", "A", Kind.NXDOMAIN),
        ("x.www", "A", Kind.NXDOMAIN),
        ("x.mx1", "A", Kind.NXDOMAIN),
        ("x.deep.er.most", "A", Kind.NXDOMAIN),
        ("*", "A", Kind.NXDOMAIN),
        ("nothere", "DS", Kind.NXDOMAIN),
        # Children whose parent has no delegation for them: their names exist.
        ("child", "DS", Kind.NODATA),
        ("kunde", "DS", Kind.NODATA),
        ("x.wild", "DS", Kind.NODATA),
    ],
)
def test_negative_answers(world: Snapshot, name: str, rrtype: str, kind: Kind) -> None:
    outcome = ask(world, "zone.test." if name == "@" else f"{name}.zone.test.", rrtype)
    assert (outcome.kind, outcome.zone) == (kind, from_text("zone.test."))
    assert outcome.answer == ()
    assert said(outcome) == [NEGATIVE]


def test_the_end_of_a_chain_decides(world: Snapshot) -> None:
    gone = ask(world, "gone.zone.test.", "A")
    assert gone.kind is Kind.NXDOMAIN
    assert said(gone) == ["gone.zone.test. 300 CNAME nothere.zone.test.", NEGATIVE]
    nodata = ask(world, "alias.zone.test.", "MX")
    assert nodata.kind is Kind.NODATA
    assert said(nodata) == ["alias.zone.test. 300 CNAME www.zone.test.", NEGATIVE]
    over = ask(world, "www.customer.test.", "MX")
    assert (over.kind, over.zone) == (Kind.NODATA, from_text("zone.test."))


def test_a_long_chain_ends_somewhere(world: Snapshot) -> None:
    outcome = ask(world, "c0.chain.test.", "A")
    assert outcome.kind is Kind.ANSWER
    assert len(outcome.answer) == 17


def test_a_chain_of_the_longest_length_is_whole(world: Snapshot) -> None:
    assert said(ask(world, "c24.chain.test.", "A"))[-1] == "c40.chain.test. 300 A 192.0.2.1"


def test_rotation_steps_only_where_addresses_are_answered(world: Snapshot) -> None:
    asked: list[tuple[str, int]] = []

    def rotation(name: bytes, rrtype: int) -> int:
        asked.append((to_text(name), rrtype))
        return 3

    for name, rrtype in (("mx1", A), ("v6", A), ("v6", AAAA), ("www", A), ("mx1", 255)):
        lookup(world, from_text(f"{name}.zone.test."), rrtype, rotation)
    assert asked == [("mx1.zone.test.", A), ("v6.zone.test.", AAAA), ("mx1.zone.test.", A)]
    turned = lookup(world, from_text("mx1.zone.test."), A, rotation)
    assert said(turned) == MX1[::-1]
    assert turned.host is not None
    assert turned.host.name == from_text("mx1.zone.test.")


SUB_NS = [
    "sub.zone.test. 300 NS NS.SUB.zone.test.",
    "sub.zone.test. 300 NS www.zone.test.",
    "sub.zone.test. 300 NS ns.elsewhere.test.",
    "sub.zone.test. 300 NS nowhere.zone.test.",
]
SUB_GLUE = ["ns.sub.zone.test. 300 A 192.0.2.53", "ns.sub.zone.test. 300 AAAA 2001:db8::53", *WWW]


@pytest.mark.parametrize(
    ("name", "rrtype"),
    [("sub", "A"), ("sub", "NS"), ("sub", "ANY"), ("x.sub", "A"), ("x.sub", "DS"),
     ("ns.sub", "A"), ("a.sub.sub", "A"), ("sub.sub", "DS")],
)  # fmt: skip
def test_referrals(world: Snapshot, name: str, rrtype: str) -> None:
    outcome = ask(world, f"{name}.zone.test.", rrtype)
    assert (outcome.kind, outcome.answer) == (Kind.REFERRAL, ())
    assert sorted(said(outcome)) == sorted(SUB_NS + SUB_GLUE)
    assert len(outcome.additional) == len(SUB_GLUE)


def test_glue_is_found_whatever_the_case_of_its_name(world: Snapshot) -> None:
    assert said(ask(world, "shout.zone.test.", "A")) == [
        "shout.zone.test. 300 NS NS.SHOUT.zone.test.",
        "ns.shout.zone.test. 300 A 192.0.2.54",
    ]


def test_a_chain_into_a_delegation_is_both(world: Snapshot) -> None:
    outcome = ask(world, "to-sub.zone.test.", "A")
    assert outcome.kind is Kind.REFERRAL
    assert said(outcome)[0] == "to-sub.zone.test. 300 CNAME x.sub.zone.test."
    assert len(outcome.authority) == len(SUB_NS)


@pytest.mark.parametrize("name", ["elsewhere.test.", "test.", ".", "xzone.test.", "zone.test.x."])
def test_outside_of_all_zones(world: Snapshot, name: str) -> None:
    for rrtype in ("A", "DS", "ANY"):
        assert ask(world, name, rrtype) == Outcome(Kind.REFUSED)


@pytest.mark.parametrize(
    ("name", "rrtype", "zone"),
    [
        ("zone.test.", "A", "zone.test."),
        ("zone.test.", "DS", "zone.test."),
        ("child.zone.test.", "A", "child.zone.test."),
        ("child.zone.test.", "DS", "zone.test."),
        ("www.child.zone.test.", "DS", "child.zone.test."),
        ("kunde.zone.test.", "MX", "kunde.zone.test."),
        ("x.kunde.zone.test.", "MX", "kunde.zone.test."),
        ("sub.customer.test.", "MX", "sub.customer.test."),
        ("sub.customer.test.", "DS", "customer.test."),
        ("customer.test.", "DS", "customer.test."),
    ],
)
def test_the_deepest_apex_answers_but_for_ds(
    world: Snapshot, name: str, rrtype: str, zone: str
) -> None:
    place = find_place(world, from_text(name), type_number(rrtype))
    assert place is not None
    assert place.apex == from_text(zone)
    assert place.prefix + place.apex == from_text(name)


def test_the_root_may_be_a_zone() -> None:
    world = snapshot({".": contents("a A 192.0.2.1", ".")})
    assert said(ask(world, ".", "DS")) == [". 60 SOA ns.other.test. root. 1 2 3 4 60"]
    assert said(ask(world, "a.", "A")) == ["a. 300 A 192.0.2.1"]


def test_a_profile_gives_each_domain_its_own_soa(world: Snapshot) -> None:
    for domain in ("customer.test.", "kunde.zone.test."):
        assert said(ask(world, domain, "SOA")) == [
            f"{domain} 3600 SOA ns.other.test. root.{domain} 1 2 3 4 60"
        ]
        assert said(ask(world, domain, "MX")) == [f"{domain} 300 MX 10 mx1.zone.test."]
        assert ask(world, f"x.{domain}", "A").kind is Kind.NXDOMAIN


def test_only_a_soa_shares_its_rname(world: Snapshot) -> None:
    assert [record.rname_in_owner for record in ask(world, "zone.test.", "SOA").answer] == [True]
    assert [record.rname_in_owner for record in ask(world, "zone.test.", "NS").answer] == [False]
    fixed = snapshot({"a.": contents("", "a.", start=soa(in_zone=False))})
    assert [record.rname_in_owner for record in ask(fixed, "a.", "SOA").answer] == [False]


def test_the_rdata_of_a_soa() -> None:
    apex = from_text("zone.test.")
    numbers = b"\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x3c"
    mname = from_text("ns.other.test.")
    assert soa_rdata(soa(), apex) == mname + b"\4root" + apex + numbers
    assert soa_rdata(soa(in_zone=False), apex) == mname + from_text("root.other.test.") + numbers
    assert soa_rdata(soa(), ROOT) == mname + b"\4root\0" + numbers
