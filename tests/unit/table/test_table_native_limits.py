"""The compiled rate limiting against the one in Python, which says what is right."""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.executors import require_native
from support.limiters import NativeLimiter
from support.tables import UDP4, ask, expected, opt, snapshot_of

from rrdns.dns.cookie import is_valid, server_cookie
from rrdns.dns.query import Query
from rrdns.table.compiler import compile_table
from rrdns.table.ratelimit import PLACES, RateLimiter, account

SECRETS = (bytes(range(16)), b"secret of before")
SNAPSHOT = replace(snapshot_of(), cookie_secrets=SECRETS)
TABLE = compile_table(SNAPSHOT, 1)
NOW = 1_700_000_040
CLIENTS = tuple(
    ipaddress.ip_address(text).packed
    for text in ("192.0.2.1", "192.0.2.99", "198.51.100.7", "2001:db8::1", "2001:db8:0:ff::2")
)
QUESTIONS = (
    ("mx1.example.com.", "A"),
    ("customer.test.", "MX"),
    ("nothere.customer.test.", "A"),
    ("www.elsewhere.test.", "A"),
)
EXEMPT = [ipaddress.ip_network(text) for text in ("198.51.100.0/29", "2001:db8:0:ff::/64")]


# Who asks, what, with which cookie, and how many seconds after the one before.
Step = tuple[bytes, tuple[str, str], str, int]


def said(packet: bytes) -> bytes:
    reply = expected(packet, SNAPSHOT, UDP4)
    assert reply is not None
    return reply


def cookie(client: bytes, secret: bytes, made_at: int) -> bytes:
    made = server_cookie(b"clientck", client, made_at, secret)
    return opt(options=b"\0\x0a\0\x18clientck" + made)


def is_known(query: Query, client: bytes) -> bool:
    given_ = None if query.edns is None else query.edns.cookie
    return given_ is not None and is_valid(given_, client, NOW, SECRETS)


def _native_key(client: bytes, reply: bytes) -> bytes:
    kind = account(reply)
    octets = 3 if len(client) == 4 else 7
    return bytes([octets]) + client[:octets] + (bytes([kind]) if isinstance(kind, int) else kind)


def _collide(replies: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether two accounts of either limiter stand in one place."""
    pairs = list(replies)
    python = {(client[: 3 if len(client) == 4 else 7], account(reply)) for client, reply in pairs}
    native = {_native_key(client, reply) for client, reply in pairs}
    return any(len({hash(key) % PLACES for key in keys}) < len(keys) for keys in (python, native))


STEPS = st.tuples(
    st.sampled_from(CLIENTS),
    st.sampled_from(QUESTIONS),
    st.sampled_from(("no", "no", "valid", "before", "foreign", "old")),
    st.sampled_from((0, 0, 0, 0, 0, 0, 1, 1, 2, 40)),
)


def _asked(
    steps: list[tuple[bytes, tuple[str, str], str, int]],
) -> Iterator[tuple[bytes, bytes, int]]:
    now = 100
    for client, (name, rrtype), how, seconds in steps:
        tail = {
            "no": b"",
            "valid": cookie(client, SECRETS[0], NOW - 60),
            "before": cookie(client, SECRETS[1], NOW),
            "foreign": cookie(client, bytes(16), NOW),
            "old": cookie(client, SECRETS[0], NOW - 3700),
        }[how]
        now += seconds
        yield client, ask(name, rrtype, tail=tail), now


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 3), st.integers(0, 3), st.lists(STEPS, min_size=20, max_size=120))
def test_both_limit_the_same_replies(per_second: int, slip: int, steps: list[Step]) -> None:
    require_native()
    asked = list(_asked(steps))
    replies = [said(packet) for _, packet, _ in asked]
    assume(
        not _collide(
            [(client, reply) for (client, _, _), reply in zip(asked, replies, strict=True)]
        )
    )
    native_counts: Counter[str] = Counter()
    python_counts: Counter[str] = Counter()
    native = NativeLimiter(TABLE, per_second, slip, EXEMPT, native_counts, NOW)
    python = RateLimiter(per_second, slip, EXEMPT, is_known, python_counts)
    for (client, packet, now), reply in zip(asked, replies, strict=True):
        assert native.limit(client, packet, reply, now) == python.limit(client, packet, reply, now)
    assert native_counts == python_counts


def test_valid_cookies_of_any_secret_exempt() -> None:
    limits = NativeLimiter(TABLE, 1, 0, unix_now=NOW)
    client = CLIENTS[0]

    def passes(tail: bytes) -> bool:
        packet = ask("mx1.example.com.", tail=tail)
        reply = said(packet)
        return all(limits.limit(client, packet, reply, 1) == reply for _ in range(5))

    assert not passes(opt())
    assert passes(cookie(client, SECRETS[0], NOW - 60))
    assert passes(cookie(client, SECRETS[1], NOW - 3600))
    assert passes(cookie(client, SECRETS[1], NOW + 300))
    assert not passes(cookie(client, SECRETS[1], NOW - 3601))
    assert not passes(cookie(client, SECRETS[1], NOW + 301))
    assert not passes(cookie(client, bytes(16), NOW))
    assert not passes(cookie(CLIENTS[1], SECRETS[0], NOW))
    # What stands there of the query before does not speak for the next one.
    assert not passes(opt())
    assert not passes(b"")


@pytest.mark.parametrize("networks", [1, 2, 3, 10, 1000])
def test_any_number_of_networks_can_be_exempt(networks: int) -> None:
    exempt = [ipaddress.ip_network(f"10.{n // 256}.{n % 256}.16/28") for n in range(networks)]
    limits = NativeLimiter(TABLE, 1, 0, exempt)
    packet = ask("mx1.example.com.")
    reply = said(packet)

    def passes(text: str) -> bool:
        client = ipaddress.ip_address(text).packed
        return all(limits.limit(client, packet, reply, 1) == reply for _ in range(3))

    for number in {0, networks // 2, networks - 1}:
        prefix = f"10.{number // 256}.{number % 256}"
        assert passes(f"{prefix}.16")
        assert passes(f"{prefix}.31")
        assert not passes(f"{prefix}.15")
        assert not passes(f"{prefix}.32")
    assert not passes("9.255.255.255")
    assert not passes("11.0.0.16")


def test_limits_that_make_no_sense_are_refused() -> None:
    require_native()
    from rrdns.table._native import NativeLimits

    for per_second in (0, -1, 1 << 31):
        with pytest.raises(ValueError, match="responses per second"):
            NativeLimits(per_second, 2)
