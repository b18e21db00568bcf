"""Rate limiting by what replies have in common, against replies that the responder really makes."""

import ipaddress
from collections import Counter
from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from support.limiters import Limiter, NativeLimiter

from rrdns.dns.options import Asker, Transport
from rrdns.dns.query import Query
from rrdns.dns.responder import respond
from rrdns.model import Contents, Profile, RRset, Snapshot, Soa, Zone
from rrdns.names import from_text
from rrdns.rrtypes import AAAA, MX, NS, A
from rrdns.table.compiler import compile_table
from rrdns.table.ratelimit import PLACES, WINDOW_SECONDS, Network, RateLimiter, account

CLIENT = ipaddress.ip_address("192.0.2.1").packed
NEIGHBOUR = ipaddress.ip_address("192.0.2.200").packed
OTHER = ipaddress.ip_address("198.51.100.1").packed
CLIENT_6 = ipaddress.ip_address("2001:db8::1").packed
NEIGHBOUR_6 = ipaddress.ip_address("2001:db8:0:ff::1").packed
OTHER_6 = ipaddress.ip_address("2001:db8:0:100::1").packed

SOA = Soa(from_text("ns1.example.com"), b"\x0ahostmaster", True, 1, 2, 3, 4, 5, 60)
ZONE = Zone(
    from_text("example.com"),
    Contents(
        SOA,
        {
            b"": {NS: RRset(NS, 60, (from_text("ns1.example.com"),))},
            b"\x03www": {A: RRset(A, 60, (CLIENT,))},
            b"\x03sub": {NS: RRset(NS, 60, (from_text("ns.example.net"),))},
        },
    ),
)
PROFILE = Profile(
    "default", Contents(SOA, {b"": {MX: RRset(MX, 60, (b"\0\x0a" + from_text("mx1.test"),))}})
)
SNAPSHOT = Snapshot(
    {ZONE.apex: ZONE}, {"default": PROFILE}, {from_text("customer.test"): PROFILE}, {}
)
TABLE = compile_table(SNAPSHOT, 1)


def packet(name: str, rrtype: int = A, *, use_edns: bool = False) -> bytes:
    kind = dns.rdatatype.RdataType.make(rrtype)
    return dns.message.make_query(name, kind, use_edns=use_edns, want_dnssec=use_edns).to_wire()


def reply_to(query: bytes) -> bytes:
    reply = respond(query, SNAPSHOT, Asker(Transport.UDP), rotation=lambda _host, _type: 0)
    assert reply is not None
    return reply


def account_of(name: str, rrtype: int = A) -> bytes | int:
    return account(reply_to(packet(name, rrtype)))


def nobody(_query: Query, _client: bytes) -> bool:
    return False


@pytest.fixture(params=["python", "native"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def limiter(
    kind: str,
    per_second: int = 2,
    slip: int = 0,
    exempt: Sequence[Network] = (),
    counts: Counter[str] | None = None,
) -> Limiter:
    counted = Counter() if counts is None else counts
    if kind == "native":
        return NativeLimiter(TABLE, per_second, slip, exempt, counted)
    return RateLimiter(per_second, slip, exempt, nobody, counted)


def passed(
    limits: Limiter,
    count: int,
    *,
    client: bytes = CLIENT,
    name: str = "www.example.com",
    now: int,
) -> int:
    query = packet(name)
    reply = reply_to(query)
    return sum(limits.limit(client, query, reply, now) == reply for _ in range(count))


def test_positive_answers_are_counted_by_name_and_type() -> None:
    assert account_of("www.example.com") == account_of("WWW.EXAMPLE.com")
    assert account_of("www.example.com") != account_of("customer.test", MX)
    assert account_of("example.com", NS) != account_of("example.com", 6)


def test_negative_answers_and_referrals_are_counted_by_their_zone() -> None:
    apex = from_text("example.com")
    assert account_of("a.example.com") == apex
    assert account_of("b.c.EXAMPLE.com") == apex
    assert account_of("www.example.com", AAAA) == apex
    assert account_of("example.com", MX) == apex
    assert account_of("x.customer.test") == from_text("customer.test")
    assert account_of("host.sub.example.com") == from_text("sub.example.com")


def test_errors_are_counted_by_their_rcode() -> None:
    assert account_of("one.test") == account_of("two.test") == dns.rcode.REFUSED


def test_each_account_gets_its_replies_a_second_and_no_more(kind: str) -> None:
    counts: Counter[str] = Counter()
    limits = limiter(kind, per_second=5, counts=counts)
    assert passed(limits, 20, now=100) == 5
    assert counts["dropped"] == 15
    # Debts are paid first, by what every second credits.
    assert passed(limits, 20, now=101) == 0
    assert passed(limits, 20, now=100 + 2 * WINDOW_SECONDS) == 5


def test_a_steady_rate_at_the_limit_passes(kind: str) -> None:
    limits = limiter(kind, per_second=5)
    assert all(passed(limits, 5, now=now) == 5 for now in range(100, 160))


def test_debts_end_with_the_window(kind: str) -> None:
    limits = limiter(kind, per_second=1)
    passed(limits, 10_000, now=100)
    assert passed(limits, 1, now=100 + WINDOW_SECONDS) == 0
    assert passed(limits, 1, now=100 + 2 * WINDOW_SECONDS + 1) == 1


def test_accounts_are_apart_by_client_prefix(kind: str) -> None:
    limits = limiter(kind, per_second=2)
    assert passed(limits, 9, client=CLIENT, now=1) == 2
    assert passed(limits, 9, client=NEIGHBOUR, now=1) == 0
    assert passed(limits, 9, client=OTHER, now=1) == 2
    assert passed(limits, 9, client=CLIENT_6, now=1) == 2
    assert passed(limits, 9, client=NEIGHBOUR_6, now=1) == 0
    assert passed(limits, 9, client=OTHER_6, now=1) == 2


def test_accounts_are_apart_by_what_is_asked(kind: str) -> None:
    limits = limiter(kind, per_second=2)
    assert passed(limits, 9, now=1) == 2
    assert passed(limits, 9, name="customer.test", now=1) == 2


@pytest.mark.parametrize("client", [CLIENT, CLIENT_6])
def test_exempt_networks_are_never_limited(kind: str, client: bytes) -> None:
    networks = (ipaddress.ip_network("192.0.2.0/28"), ipaddress.ip_network("2001:db8::/64"))
    limits = limiter(kind, per_second=1, exempt=networks)
    assert passed(limits, 50, client=client, now=1) == 50
    assert passed(limits, 50, client=client, now=1) == 50
    assert passed(limits, 50, client=NEIGHBOUR, now=1) == 1


def test_every_slipth_limited_reply_goes_out_truncated(kind: str) -> None:
    counts: Counter[str] = Counter()
    limits = limiter(kind, per_second=1, slip=3, counts=counts)
    query = packet("www.example.com", use_edns=True)
    reply = reply_to(query)
    sent = [limits.limit(CLIENT, query, reply, 1) for _ in range(10)]
    assert [one is not None for one in sent] == [True] + [False, False, True] * 3
    assert counts == {"slipped": 3, "dropped": 6}
    slipped = sent[3]
    assert slipped is not None
    message = dns.message.from_wire(slipped)
    assert message.flags & dns.flags.TC
    assert message.flags & dns.flags.AA
    assert message.id == dns.message.from_wire(query).id
    assert message.question == dns.message.from_wire(query).question
    assert not message.answer
    assert message.edns == 0
    assert message.ednsflags & dns.flags.DO


def test_a_slipped_error_goes_out_as_it_is(kind: str) -> None:
    counts: Counter[str] = Counter()
    limits = limiter(kind, per_second=1, slip=1, counts=counts)
    query = packet("www.other.test")
    reply = reply_to(query)
    assert all(limits.limit(CLIENT, query, reply, 1) == reply for _ in range(5))
    assert counts["slipped"] == 4


def test_a_slipped_reply_without_edns_has_no_opt(kind: str) -> None:
    limits = limiter(kind, per_second=1, slip=1)
    query = packet("www.example.com")
    reply = reply_to(query)
    limits.limit(CLIENT, query, reply, 1)
    slipped = limits.limit(CLIENT, query, reply, 1)
    assert slipped is not None
    assert dns.message.from_wire(slipped).edns == -1
    assert len(slipped) == len(query)


def test_a_client_that_is_known_is_never_limited() -> None:
    asked: list[tuple[bytes, bytes]] = []

    def is_known(query: Query, client: bytes) -> bool:
        asked.append((query.name, client))
        return True

    limits = RateLimiter(1, 2, (), is_known, Counter())
    assert passed(limits, 10, now=1) == 10
    # Only asked once a reply would be limited: the check costs more than the rest.
    assert asked == [(from_text("www.example.com"), CLIENT)] * 9


def test_memory_is_constant() -> None:
    limits = RateLimiter(1, 0, (), nobody, Counter())
    query = packet("www.example.com")
    reply = reply_to(query)
    for number in range(PLACES):
        limits.limit(number.to_bytes(4, "big"), query, reply, 1)
    assert len(limits._prefixes) <= 1 << 15
    assert len(limits._tags) == len(limits._balances) == PLACES
