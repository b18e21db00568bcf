"""Unbound and BIND find the MX of filtered domains and the addresses behind them."""

import itertools
import re
from collections.abc import Iterator

import pytest
from support.resolvers import VARIANTS, Resolver, Variant, resolver
from support.small_internet import HUGE, LARGE, ROLES, SmallInternet, behind, small_internet

# filtered domain -> the zone of its exchanges
DOMAINS = {
    "customer.test": "example.com",
    "xn--bcher-kva.test": "example.com",
    # In the registry's zone that also delegates the exchanges'.
    "shop.com": "example.com",
    # Served here, though only its parent customer.test was delegated.
    "branch.customer.test": "example.com",
    # Of these only the exchanges are here, each a zone of its own.
    "corp.test": "corp.test",
}
# name, type, RCODE, the zone whose SOA comes along
ABSENT = [
    ("nothere.customer.test", "A", "NXDOMAIN", "customer.test."),
    ("www.branch.customer.test", "A", "NXDOMAIN", "branch.customer.test."),
    ("customer.test", "AAAA", "NOERROR", "customer.test."),
    ("customer.test", "TXT", "NOERROR", "customer.test."),
    ("below.mx1.example.com", "A", "NXDOMAIN", "example.com."),
    ("mx4.example.com", "AAAA", "NOERROR", "example.com."),
    ("mx1.example.com", "MX", "NOERROR", "example.com."),
    ("empty.between.example.com", "A", "NOERROR", "example.com."),
    ("mx4.corp.test", "AAAA", "NOERROR", "mx4.corp.test."),
    ("below.mx1.corp.test", "A", "NXDOMAIN", "mx1.corp.test."),
]


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallInternet]:
    """One for all tests here: none of them changes it."""
    with small_internet(tmp_path_factory.mktemp("internet")) as running:
        yield running


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def running(internet: SmallInternet, request: pytest.FixtureRequest) -> Iterator[Resolver]:
    """A resolver of each variant in turn."""
    variant: Variant = request.param
    with resolver(variant, internet) as started:
        yield started


@pytest.mark.parametrize("domain", DOMAINS)
def test_mail_finds_its_way(internet: SmallInternet, running: Resolver, domain: str) -> None:
    zone = DOMAINS[domain]
    running.flush()
    before = internet.asked()
    mx = running.ask(domain, "MX")
    assert mx.status == "NOERROR", mx.text
    assert sorted(mx.values, key=lambda value: int(value.split()[0])) == [
        f"{10 * place} {name}.{zone}." for place, name in enumerate(ROLES, 1)
    ]
    assert all(ttl <= 3600 for _, ttl, _, _ in mx.answers)
    addresses = list(itertools.product(ROLES, ("A", "AAAA")))
    replies = running.ask_all([(f"{name}.{zone}", family) for name, family in addresses])
    for (name, family), reply in zip(addresses, replies, strict=True):
        assert reply.status == "NOERROR", reply.text
        assert sorted(reply.values) == sorted(behind(ROLES[name], family)), reply.text
        assert all(ttl <= 60 for _, ttl, _, _ in reply.answers)
    # It asked as it was told to, and in no other way.
    proto = "tcp" if running.variant.tcp else "udp"
    assert set(internet.asked() - before) == {(proto, running.variant.family)}


@pytest.mark.parametrize(
    ("name", "text"),
    [("large.example.com", LARGE), ("huge.example.com", HUGE)],
    ids=["large", "huge"],
)
def test_what_udp_does_not_hold_comes_over_tcp(
    internet: SmallInternet, running: Resolver, name: str, text: str
) -> None:
    running.flush()
    before = internet.asked()
    reply = running.ask(name, "TXT")
    protos = {proto for proto, _ in internet.asked() - before}
    assert [value.replace('" "', "").strip('"') for value in reply.values] == [text]
    if running.variant.tcp:
        assert protos == {"tcp"}
    else:
        assert protos == ({"udp", "tcp"} if name in running.variant.truncated else {"udp"})


def test_what_is_not_there_is_told_with_its_zone(running: Resolver) -> None:
    replies = running.ask_all([(name, rrtype) for name, rrtype, _, _ in ABSENT])
    for (name, _, status, apex), reply in zip(ABSENT, replies, strict=True):
        assert (name, reply.status, reply.values) == (name, status, []), reply.text
        assert [(owner, kind) for owner, _, kind, _ in reply.authority] == [(apex, "SOA")]
        assert all(ttl <= 60 for _, ttl, _, _ in reply.authority)


def test_nothing_is_below_a_name_that_is_not_there(running: Resolver) -> None:
    # BIND learns it from the uppermost of these names, and then says so without an SOA.
    theirs, ours = (
        running.ask(f"a.b.c.nothere.{zone}", "MX") for zone in ("corp.test", "customer.test")
    )
    assert (ours.status, ours.values) == ("NXDOMAIN", [])
    assert [record[2] for record in ours.authority] == [record[2] for record in theirs.authority]


def test_other_records_resolve_too(running: Resolver) -> None:
    assert running.ask("parked.test", "MX").values == ["0 ."]
    assert running.ask("leaf.empty.between.example.com", "A").values == ["192.0.2.80"]
    for zone in ("example.com", "corp.test"):
        first, *others = running.ask(f"mail.{zone}", "A").values
        assert (first, set(others)) == (f"mx1.{zone}.", behind("primary", "A"))
    for zone in ("example.com", "customer.test", "mx1.corp.test"):
        servers = running.ask(zone, "NS").values
        assert sorted(servers) == ["ns1.example.com.", "ns2.example.com."]


def test_it_finds_no_fault(running: Resolver) -> None:
    running.flush()
    questions = [(domain, "MX") for domain in DOMAINS] + [
        (f"mx1.{zone}", "A") for zone in sorted(set(DOMAINS.values()))
    ]
    assert {reply.status for reply in running.ask_all(questions)} == {"NOERROR"}
    assert running.faults() == []
    if running.variant.program == "unbound":
        # It did ask in mixed case, and no answer made it think better of that.
        perturbed = re.findall("qname perturbed to (.*)", running.log)
        assert any("customer" in name.lower() and not name.islower() for name in perturbed)
