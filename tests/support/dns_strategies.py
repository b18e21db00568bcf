"""Hypothesis strategies: small worlds of zones, profiles and hosts, and packets about them.

Names are made of a few labels, so that zones, delegations, wildcards and aliases meet often.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from rrdns.dns.cookie import server_cookie
from rrdns.health.select import Overrides
from rrdns.model import Contents, Host, Member, MinHealthy, Profile, RRset, Soa, Zone
from rrdns.names import ROOT, Name, Prefix, suffix_offsets
from rrdns.rrtypes import AAAA, CNAME, DS, MX, NS, SOA, TXT, A
from rrdns.settings import Config, Endpoint, Limits, ServerSettings
from rrdns.targets import Check, Health, Override, ProbeSettings, Target, TargetKey, Verdict

LABELS = (b"\1a", b"\1b", b"\1c", b"\1*", b"\3mx1")
APEXES = (b"\1a\0", b"\1b\1a\0", b"\1c\1b\1a\0", b"\4test\0", b"\3mx1\4test\0")
UNKNOWN_TYPE = 65280
STATIC_TYPES = (A, AAAA, MX, NS, TXT, DS, UNKNOWN_TYPE)
ADDRESSES = tuple(f"192.0.2.{number}" for number in range(1, 6)) + tuple(
    f"2001:db8::{number}" for number in range(1, 4)
)

NODES = ("server1", "server2", "server3")
ROLES = ("primary", "secondary")
POLICIES = ("round-robin", "random", "weighted")

CLIENTS = (bytes([192, 0, 2, 1]), bytes([127, 0, 0, 1]), bytes(15) + b"\1", b"\x20\x01" + bytes(14))
SECRETS = (bytes(range(16)), bytes(16))
NOW = 1_700_000_000

labels: SearchStrategy[bytes] = st.sampled_from(LABELS)
prefixes: SearchStrategy[Prefix] = st.lists(labels, max_size=3).map(b"".join)
apexes: SearchStrategy[Name] = st.sampled_from(APEXES)


needs: SearchStrategy[MinHealthy] = st.one_of(
    st.builds(MinHealthy, st.integers(0, 4)),
    st.builds(MinHealthy, st.integers(0, 120), st.just(True)),
)


@st.composite
def names(draw: DrawFn) -> Name:
    """A name at, below or beside the worlds' apexes."""
    return draw(prefixes) + draw(st.one_of(apexes, st.just(b"\5other\0"), st.just(ROOT)))


@st.composite
def _rrsets(draw: DrawFn, rrtype: int) -> RRset:
    makers: Mapping[int, SearchStrategy[bytes]] = {
        A: st.binary(min_size=4, max_size=4),
        AAAA: st.binary(min_size=16, max_size=16),
        MX: st.tuples(st.binary(min_size=2, max_size=2), names()).map(b"".join),
        NS: names(),
        CNAME: names(),
        TXT: st.integers(0, 255).map(lambda octets: bytes([octets]) + b"t" * octets),
    }
    rdata = makers.get(rrtype, st.binary(max_size=20))
    most = 1 if rrtype == CNAME else 6
    rdatas = draw(st.lists(rdata, min_size=1, max_size=most, unique=True))
    return RRset(rrtype, draw(st.sampled_from((0, 60, 3600))), tuple(rdatas))


@st.composite
def _contents(draw: DrawFn, hosts: Mapping[Prefix, Host]) -> Contents:
    rrsets: dict[Prefix, dict[int, RRset]] = {b"": {NS: draw(_rrsets(NS))}}
    for owner in draw(st.lists(prefixes, max_size=5)):
        if owner and owner not in hosts and owner not in rrsets and draw(st.booleans()):
            rrsets[owner] = {CNAME: draw(_rrsets(CNAME))}
            continue
        types = rrsets.setdefault(owner, {})
        for rrtype in draw(st.lists(st.sampled_from(STATIC_TYPES), min_size=1, max_size=3)):
            taken = owner in hosts and rrtype in (A, AAAA, NS)
            if CNAME not in types and not taken:
                types[rrtype] = draw(_rrsets(rrtype))
    in_zone = draw(st.booleans())
    soa = Soa(
        mname=draw(names()),
        rname=b"\4root" if in_zone else b"\4root\5other\0",
        rname_in_zone=in_zone,
        serial=draw(st.integers(0, 2**32 - 1)),
        refresh_seconds=1,
        retry_seconds=2,
        expire_seconds=3,
        minimum_seconds=draw(st.integers(0, 100)),
        ttl_seconds=draw(st.integers(0, 100)),
    )
    filled = {owner: types for owner, types in rrsets.items() if types}
    return Contents(soa, filled, _uncovered(hosts, filled))


def _uncovered(
    hosts: Mapping[Prefix, Host], rrsets: Mapping[Prefix, Mapping[int, RRset]]
) -> dict[Prefix, Host]:
    # A configuration refuses a host at or below a delegation.
    cuts = {owner for owner, types in rrsets.items() if owner and NS in types}
    return {
        prefix: host
        for prefix, host in hosts.items()
        if not cuts & {prefix[offset:] for offset in suffix_offsets(prefix + ROOT)}
    }


@st.composite
def members(draw: DrawFn) -> tuple[Member, ...]:
    """The members of a host: any tiers and weights, nodes with several addresses and roles."""
    addresses = draw(st.lists(st.sampled_from(ADDRESSES), min_size=1, unique=True))
    return tuple(
        Member(
            draw(st.sampled_from(NODES)),
            draw(st.sampled_from(ROLES)),
            Target(address, ProbeSettings(check=Check.TCP)),
            weight=draw(st.one_of(st.integers(0, 3), st.integers(0, 100))),
            tier=draw(st.integers(1, 3)),
        )
        for address in addresses
    )


@st.composite
def _hosts(draw: DrawFn, apex: Name, hidden_by: frozenset[Name]) -> dict[Prefix, Host]:
    found = {}
    for prefix in draw(st.lists(prefixes, max_size=2, unique=True)):
        name = prefix + apex
        below = {name[offset:] for offset in suffix_offsets(name)} & hidden_by
        if b"*" in prefix or any(len(other) > len(apex) for other in below):
            continue
        found[prefix] = Host(
            name,
            draw(members()),
            policy=draw(st.sampled_from(POLICIES)),
            max_answers=draw(st.integers(1, 8)),
            min_healthy=draw(needs),
            rank=draw(st.integers(0, 9)),
        )
    return found


@st.composite
def _with_fallbacks(draw: DrawFn, zones: Mapping[Name, Zone]) -> dict[Name, Zone]:
    """The zones with hosts that fall back to some host before them, so that none does to itself."""
    before: list[Name] = []
    found = {}
    for apex, zone in zones.items():
        hosts = {}
        for prefix, host in zone.contents.hosts.items():
            fallback = draw(st.sampled_from((None, *before)))
            hosts[prefix] = replace(host, fallback=fallback)
            before.append(host.name)
        found[apex] = replace(zone, contents=replace(zone.contents, hosts=hosts))
    return found


@st.composite
def configs(draw: DrawFn) -> Config:
    """A configuration as the checks let it pass, in what decides answers."""
    taken = draw(st.lists(apexes, min_size=1, max_size=4, unique=True))
    cut = draw(st.integers(0, len(taken)))
    zones = {
        apex: Zone(apex, draw(_contents(draw(_hosts(apex, frozenset(taken))))))
        for apex in taken[:cut]
    }
    profiles = {
        name: Profile(name, draw(_contents({})))
        for name in draw(st.sampled_from((("one",), ("one", "two"))))
    }
    domains = {apex: profiles[draw(st.sampled_from(sorted(profiles)))] for apex in taken[cut:]}
    return Config(
        path="/rrdns.yaml",
        sha256="",
        server=ServerSettings(
            (Endpoint("127.0.0.1", 53),),
            None,
            "/control",
            identity=draw(st.sampled_from((None, "", "node"))),
            version=draw(st.sampled_from((None, "1.0"))),
            cookie_secrets=draw(st.sampled_from(((), SECRETS[:1], SECRETS))),
        ),
        limits=Limits(udp_payload=draw(st.sampled_from((512, 700, 1232, 4096)))),
        probe_concurrency=1,
        nodes=(),
        zones=draw(_with_fallbacks(zones)),
        profiles=profiles,
        domains=domains,
    )


def healths(config: Config) -> SearchStrategy[Mapping[TargetKey, Health]]:
    """Any state of every target."""
    keys = [target.key for target in config.targets]
    return st.fixed_dictionaries({key: st.sampled_from(list(Health)) for key in keys})


def overrides() -> SearchStrategy[Overrides]:
    """What operators may have said of the nodes and their roles."""
    said = st.builds(Override, st.sampled_from((Verdict.UP, Verdict.DOWN)), st.just(float(NOW)))
    places = st.tuples(st.sampled_from(NODES), st.sampled_from((None, *ROLES)))
    return st.dictionaries(places, said, max_size=3)


@dataclass(frozen=True, slots=True)
class Asked:
    """One packet over one transport, from a packed address, so many seconds after the first."""

    packet: bytes
    tcp: bool
    client: bytes = CLIENTS[0]
    seconds: int = 0


@st.composite
def _cookies(draw: DrawFn, client: bytes) -> bytes:
    """The data of a COOKIE option: valid ones of all ages, of others, and rubbish."""
    client_cookie = draw(st.sampled_from((b"clientck", b"\0" * 8)))
    how = draw(st.sampled_from(("client", "made", "made", "junk")))
    if how == "client":
        return client_cookie
    if how == "junk":
        return draw(st.binary(max_size=42))
    made_at = NOW - draw(st.sampled_from((-400, -60, 0, 60, 1740, 1800, 1900, 3600, 4000)))
    made_for = draw(st.sampled_from((client, client, client, *CLIENTS)))
    secret = draw(st.sampled_from((*SECRETS, b"x" * 16)))
    return client_cookie + server_cookie(client_cookie, made_for, made_at, secret)


@st.composite
def _opts(draw: DrawFn, client: bytes) -> bytes:
    kinds: Mapping[int, SearchStrategy[bytes]] = {
        3: st.sampled_from((b"", b"x")),
        8: st.binary(max_size=24),
        10: _cookies(client),
        11: st.sampled_from((b"", b"\0\1")),
        65001: st.binary(max_size=24),
    }
    codes = draw(st.lists(st.sampled_from((3, 8, 10, 10, 11, 65001)), max_size=3))
    options = b"".join(
        struct.pack("!2H", code, len(data)) + data
        for code, data in [(code, draw(kinds[code])) for code in codes]
    )
    return struct.pack(
        "!BHHBBHH",
        0,
        41,
        draw(st.sampled_from((0, 1, 511, 512, 513, 600, 1231, 1232, 1233, 4096, 65535))),
        0,
        draw(st.sampled_from((0, 0, 0, 0, 0, 1))),
        draw(st.sampled_from((0, 0x8000, 0xFFFF, 0x4000))),
        len(options),
    ) + options  # fmt: skip


def _other_case(name: bytes, mask: int) -> bytes:
    return bytes(
        octet ^ 0x20 if 97 <= octet <= 122 and mask >> index & 1 else octet
        for index, octet in enumerate(name)
    )


@st.composite
def queries(draw: DrawFn) -> Asked:
    """A query that is mostly sound, and sometimes cut, mutated or followed by rubbish."""
    name = _other_case(draw(names()), draw(st.integers(0, 2**16)))
    rrtype = draw(
        st.one_of(
            st.sampled_from((*STATIC_TYPES, A, AAAA, MX, SOA, CNAME, 0, 41, 250, 252, 255)),
            st.integers(0, 65535),
        )
    )
    rrclass = draw(st.sampled_from((1, 1, 1, 1, 1, 1, 3, 255, 0)))
    client = draw(st.sampled_from(CLIENTS))
    opts = draw(st.lists(_opts(client), max_size=1)) * draw(st.sampled_from((1, 1, 1, 1, 1, 2)))
    flags = draw(st.sampled_from((0, 0x0100, 0x0110, 0x0020, 0x07FF, 0x2000, 0x2800, 0x1000)))
    question = name + struct.pack("!2H", rrtype, rrclass)
    questions = draw(st.sampled_from((1, 1, 1, 1, 1, 1, 1, 0, 2)))
    packet = struct.pack("!6H", draw(st.integers(0, 65535)), flags, questions, 0, 0, len(opts))
    packet += question * questions + b"".join(opts)
    seconds = draw(st.sampled_from((0, 0, 0, 1, 59, 60, 600)))
    return Asked(draw(_damaged(packet)), draw(st.booleans()), client, seconds)


@st.composite
def _damaged(draw: DrawFn, packet: bytes) -> bytes:
    how = draw(st.sampled_from(("no", "no", "no", "no", "cut", "flip", "junk")))
    if how == "cut":
        return packet[: draw(st.integers(0, len(packet)))]
    if how == "flip":
        changed = bytearray(packet)
        for index in draw(st.lists(st.integers(0, len(packet) - 1), min_size=1, max_size=3)):
            changed[index] = draw(st.integers(0, 255))
        return bytes(changed)
    return packet + draw(st.binary(max_size=8)) if how == "junk" else packet
