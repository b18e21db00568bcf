"""The values that every room speaks of: nodes, hosts, zones, profiles, snapshots.

Frozen data only: nothing here does I/O, reads a clock or knows the wire beyond names and RDATA.
Durations are seconds, names are lowercase wire-format bytes (`rrdns.names`), RDATA is
uncompressed wire format.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from rrdns.names import ROOT, Name, Prefix, suffix_offsets
from rrdns.targets import Family, Health, Override, Target, TargetKey

# --- who answers with which addresses ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node:
    """One filtering server: its targets by role, in the configuration's order."""

    name: str
    roles: Mapping[str, tuple[Target, ...]]
    weight: int = 1
    tier: int = 1
    pool: str = "default"


@dataclass(frozen=True, slots=True)
class Member:
    """One address that a host may answer with, and whose it is.

    A host's own addresses have the host's name (as text, without the final dot) as node and
    ``address`` as role.
    """

    node: str
    role: str
    target: Target
    weight: int = 1
    tier: int = 1


@dataclass(frozen=True, slots=True)
class MinHealthy:
    """A host's `min_healthy`: a count of addresses, or a percentage of those considered."""

    value: int = 1
    percent: bool = False


@dataclass(frozen=True)
class Host:
    """A name whose A and AAAA rrdns answers from the members that are healthy.

    `rank` counts the configuration's hosts from 0; it staggers where their rotations start.
    `fallback` is the absolute name of the host whose selection stands in.
    """

    name: Name
    members: tuple[Member, ...]
    ttl_seconds: int = 60
    policy: str = "round-robin"
    max_answers: int = 8
    min_healthy: MinHealthy = MinHealthy()
    fallback: Name | None = None
    rank: int = 0

    def considered(self, family: Family) -> tuple[Member, ...]:
        """Return the members of one family, in the configuration's order."""
        return self._by_family[family]

    @cached_property
    def _by_family(self) -> Mapping[Family, tuple[Member, ...]]:
        # Every verdict asks for them.
        return {
            family: tuple(member for member in self.members if member.target.family is family)
            for family in Family
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """One member of a host and whether it is answered, with the reason in an operator's words.

    `health` is the effective state: an `override` has had its say in it.
    """

    member: Member
    health: Health
    selected: bool
    why: str
    override: Override | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which addresses of one family a host answers with, and why.

    `failopen`: every address is answered because too few are healthy. `degraded`: none of the
    host's own targets in this family is healthy. `stand_ins` are the members of the host's
    fallback, where that was asked because too few of its own are healthy. Without a selected
    address the answer is NODATA.
    """

    host: Host
    family: Family
    choices: tuple[Choice, ...]
    failopen: bool
    degraded: bool
    stand_ins: tuple[Choice, ...] = ()

    @property
    def selected(self) -> tuple[Member, ...]:
        """The members that are answered, in the configuration's order."""
        return tuple(
            choice.member for choice in (*self.choices, *self.stand_ins) if choice.selected
        )

    @property
    def by_fallback(self) -> bool:
        """Whether the fallback's addresses are answered instead of the host's own."""
        return any(choice.selected for choice in self.stand_ins)


# --- zones and profiles -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RRset:
    """The records of one owner and type; the owner is the key under which it stands."""

    rrtype: int
    ttl_seconds: int
    rdatas: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Soa:
    """A start of authority (RFC 1035, section 3.3.13).

    With `rname_in_zone`, `rname` is a prefix and the apex is appended to it: so all domains of a
    profile can share one SOA. Timers are seconds.
    """

    mname: Name
    rname: bytes
    rname_in_zone: bool
    serial: int
    refresh_seconds: int
    retry_seconds: int
    expire_seconds: int
    minimum_seconds: int
    ttl_seconds: int

    @property
    def negative_ttl_seconds(self) -> int:
        """The TTL of the SOA in a negative answer (RFC 2308, section 5)."""
        return min(self.ttl_seconds, self.minimum_seconds)


@dataclass(frozen=True)
class Contents:
    """What stands in a zone or profile, by owner names relative to the apex.

    `rrsets` holds the apex NS and every static record, but not the SOA; `hosts` the dynamic
    names. No owner has both a host and a static A, AAAA or CNAME.
    """

    soa: Soa
    rrsets: Mapping[Prefix, Mapping[int, RRset]]
    hosts: Mapping[Prefix, Host] = field(default_factory=dict)

    @cached_property
    def prefixes(self) -> frozenset[Prefix]:
        """Every name that exists, empty non-terminals included (RFC 4592, section 2.2)."""
        return frozenset(
            owner[offset:]
            for owner in (*self.rrsets, *self.hosts, b"")
            for offset in suffix_offsets(owner + ROOT)
        )

    @cached_property
    def cuts(self) -> frozenset[Prefix]:
        """The owners of delegations: NS below the apex (RFC 1034, section 4.2)."""
        return frozenset(owner for owner, types in self.rrsets.items() if owner and 2 in types)

    @cached_property
    def redirections(self) -> frozenset[Prefix]:
        """The owners of DNAME: every name below them is redirected (RFC 6672, section 2)."""
        return frozenset(owner for owner, types in self.rrsets.items() if 39 in types)

    @cached_property
    def has_wildcards(self) -> bool:
        """Whether any owner starts with the asterisk label (RFC 4592, section 2.1.1)."""
        return any(prefix.startswith(b"\x01*") for prefix in self.prefixes)


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone with names of our own."""

    apex: Name
    contents: Contents


@dataclass(frozen=True, slots=True)
class Profile:
    """The records that many filtered domains share; `rrsets[b""]` has MX and NS."""

    name: str
    contents: Contents


# --- what decides answers ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """One host's answer in one family: the selection, and the orders that rotation steps through.

    `variants` holds packed addresses; none at all means NODATA. `marks` has a number for each
    variant: its place in the sequence that the host's policy makes of all members, healthy or not.
    """

    selection: Selection
    variants: tuple[tuple[bytes, ...], ...]
    marks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One immutable state of everything that decides answers.

    `answers` has an entry for each host (by absolute name) and each of the types A and AAAA.
    `identity` and `version` are what clients may be told, None where they may not. Of the cookie
    secrets (16 octets each) the first signs and all verify; without any, cookies are ignored.
    `apex_ancestors` exist because an apex stands below them, whatever their own zone holds.
    `healths` and `overrides` are what the answers were selected by.
    """

    zones: Mapping[Name, Zone]
    profiles: Mapping[str, Profile]
    domains: Mapping[Name, Profile]
    answers: Mapping[tuple[Name, int], HostAnswer]
    udp_payload: int = 1232
    tcp_idle_timeout_seconds: float = 10.0
    identity: bytes | None = None
    version: bytes | None = None
    cookie_secrets: tuple[bytes, ...] = ()
    apex_ancestors: frozenset[Name] = frozenset()
    healths: Mapping[TargetKey, Health] = field(default_factory=dict, compare=False)
    overrides: Mapping[tuple[str, str | None], Override] = field(
        default_factory=dict, compare=False
    )


@dataclass(frozen=True, slots=True)
class TrafficCounts:
    """Totals since the start, for metrics; every key is from a bounded set.

    Keys: requests (proto, family, type), responses (proto, rcode), dropped (reason),
    leads (host name as text, address as text), rate_limited (action).
    """

    requests: Mapping[tuple[str, str, str], int]
    responses: Mapping[tuple[str, str], int]
    dropped: Mapping[str, int]
    leads: Mapping[tuple[str, str], int]
    rate_limited: Mapping[str, int]
    truncated: int
    table_misses: int
    tcp_connections: int
