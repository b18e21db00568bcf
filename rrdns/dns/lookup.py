"""Snapshot + name + type -> Outcome: the algorithm of RFC 6672, section 3.2 (RFC 1034, 4.3.2).

Nothing here knows packets. Names are lowercase; the rotation of a host's addresses is asked of
the caller, who alone counts queries.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from rrdns.dns.message import Record
from rrdns.model import Contents, Host, RRset, Snapshot, Soa
from rrdns.names import MAX_NAME_OCTETS, ROOT, Name, Prefix, is_below, suffix_offsets
from rrdns.rrtypes import (
    AAAA,
    ANY,
    CNAME,
    DNAME,
    DS,
    MX,
    NOERROR,
    NS,
    NXDOMAIN,
    REFUSED,
    SOA,
    TXT,
    YXDOMAIN,
    A,
)

# (host, A or AAAA) -> how many answers of that kind came before this one
Rotation = Callable[[Name, int], int]

_MAX_CHAIN = 16
_WILDCARD = b"\x01*"
_ANY_ORDER = (CNAME, A, AAAA, MX, TXT, NS)


class Kind(StrEnum):
    """How a lookup ends (RFC 9499's words)."""

    ANSWER = "answer"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    YXDOMAIN = "yxdomain"
    REFERRAL = "referral"
    REFUSED = "refused"

    @property
    def rcode(self) -> int:
        """The RCODE that says so."""
        return _RCODES.get(self, NOERROR)


_RCODES = {
    Kind.NXDOMAIN: NXDOMAIN,
    Kind.YXDOMAIN: YXDOMAIN,
    Kind.REFUSED: REFUSED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a name and type come to.

    `answer` is the CNAME chain and the records at its end. `zone` is the apex that the last name
    fell under, None outside of all. `host` is the one whose rotation was used, if any.
    """

    kind: Kind
    zone: Name | None = None
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    host: Host | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A zone or profile that a name falls under, and the name's prefix in it."""

    apex: Name
    prefix: Prefix
    contents: Contents


def find_place(snapshot: Snapshot, name: Name, rrtype: int) -> _Place | None:
    """Return the deepest apex above or at `name`; DS at an apex belongs to the parent's zone."""
    own: _Place | None = None
    for offset in suffix_offsets(name):
        apex = name[offset:]
        contents = _contents(snapshot, apex)
        if contents is None:
            continue
        place = _Place(apex, name[:offset], contents)
        if rrtype == DS and not offset and apex != ROOT:
            # RFC 4035, section 3.1.4.1: ask the parent if we have it, else say NODATA ourselves.
            own = place
            continue
        return place
    return own


def _contents(snapshot: Snapshot, apex: Name) -> Contents | None:
    zone = snapshot.zones.get(apex)
    if zone is not None:
        return zone.contents
    profile = snapshot.domains.get(apex)
    return profile.contents if profile is not None else None


def lookup(snapshot: Snapshot, name: Name, rrtype: int, rotation: Rotation) -> Outcome:
    """Return the outcome for a QNAME and QTYPE of class IN, following CNAMEs inside our zones."""
    chain: list[Record] = []
    seen = {name}
    while True:
        place = find_place(snapshot, name, rrtype)
        if place is None:
            # A chain that leaves our zones ends there: the resolver goes on (RFC 1034, 4.3.2).
            return Outcome(Kind.ANSWER if chain else Kind.REFUSED, None, tuple(chain))
        outcome = _in_zone(snapshot, place, name, rrtype, rotation)
        target = _alias(outcome, rrtype)
        # One DNAME may redirect several names of a chain.
        chain += [record for record in outcome.answer if record not in chain]
        if target is None or target in seen or len(seen) > _MAX_CHAIN:
            return replace(outcome, answer=tuple(chain))
        seen.add(target)
        name = target


def _alias(outcome: Outcome, rrtype: int) -> Name | None:
    if not outcome.answer or rrtype == CNAME:
        return None
    first, last = outcome.answer[0], outcome.answer[-1]
    # A CNAME answers ANY itself, but not one that a DNAME made.
    if last.rrtype != CNAME or (rrtype == ANY and first.rrtype != DNAME):
        return None
    return last.rdata.lower()


def _in_zone(
    snapshot: Snapshot, place: _Place, name: Name, rrtype: int, rotation: Rotation
) -> Outcome:
    contents, prefix = place.contents, place.prefix
    cut = _cut_above(contents, prefix, rrtype)
    if cut is not None:
        return _referral(snapshot, place, cut)
    redirection = _redirection_above(contents, prefix)
    if redirection is not None:
        return _redirected(place, name, redirection)
    # DS is asked of the parent: a child's apex exists, even if no delegation tells of it here, and
    # an NXDOMAIN would speak of all its types and of all names below (RFC 8020).
    exists = _contents(snapshot, name) is not None
    owner = prefix if exists else _source(snapshot, place, prefix)
    if owner is None:
        return Outcome(Kind.NXDOMAIN, place.apex, authority=(negative_soa(place),))
    found = _at_owner(snapshot, place, owner, rrtype, rotation)
    if found is None:
        return Outcome(Kind.NODATA, place.apex, authority=(negative_soa(place),))
    rrset, host = found
    return Outcome(Kind.ANSWER, place.apex, tuple(_records(place, name, rrset)), host=host)


def _cut_above(contents: Contents, prefix: Prefix, rrtype: int) -> Prefix | None:
    # The delegation nearest to the apex is the one that counts; DS stays above its cut.
    if not contents.cuts:
        return None
    nearest = None
    for offset in suffix_offsets(prefix + ROOT):
        cut = prefix[offset:]
        if cut in contents.cuts and not (rrtype == DS and not offset):
            nearest = cut
    return nearest


def _redirection_above(contents: Contents, prefix: Prefix) -> Prefix | None:
    # The owner itself is not redirected (RFC 6672, section 2.3).
    if not contents.redirections:
        return None
    above = [prefix[offset:] for offset in suffix_offsets(prefix + ROOT)][1:]
    return next((owner for owner in reversed(above) if owner in contents.redirections), None)


def _redirected(place: _Place, name: Name, owner: Prefix) -> Outcome:
    """Substitute the end of a name and synthesise the CNAME (RFC 6672, sections 2.2 and 3.1)."""
    rrset = place.contents.rrsets[owner][DNAME]
    dname = tuple(_records(place, owner + place.apex, rrset))
    target = name[: len(name) - len(owner) - len(place.apex)] + dname[0].rdata
    if len(target) > MAX_NAME_OCTETS:
        return Outcome(Kind.YXDOMAIN, place.apex, dname)
    cname = Record(name, CNAME, rrset.ttl_seconds, target)
    return Outcome(Kind.ANSWER, place.apex, (*dname, cname))


def _referral(snapshot: Snapshot, place: _Place, cut: Prefix) -> Outcome:
    rrset = place.contents.rrsets[cut][NS]
    authority = tuple(_records(place, cut + place.apex, rrset))
    additional: list[Record] = []
    for server in dict.fromkeys(rdata.lower() for rdata in rrset.rdatas):
        for address in _server_addresses(snapshot, place, server):
            additional += _records(place, server, address)
    return Outcome(Kind.REFERRAL, place.apex, (), authority, tuple(additional))


def _server_addresses(snapshot: Snapshot, place: _Place, server: Name) -> Iterator[RRset]:
    """Yield the static addresses of a name server, glue or not (RFC 1034, section 4.3.2, 3b)."""
    if not is_below(server, place.apex):
        return
    contents = place.contents
    prefix = server[: len(server) - len(place.apex)]
    # Nothing is synthesised below a delegation.
    below_cut = _cut_above(contents, prefix, A) is not None
    owner = prefix if below_cut else _source(snapshot, place, prefix)
    if owner is not None:
        types = contents.rrsets.get(owner, {})
        yield from (types[family] for family in (A, AAAA) if family in types)


def _source(snapshot: Snapshot, place: _Place, prefix: Prefix) -> Prefix | None:
    """Return whose records a name has: its own, those of a wildcard, or None: it is not there."""
    contents = place.contents
    if prefix in contents.prefixes or prefix + place.apex in snapshot.apex_ancestors:
        return prefix
    return _wildcard(snapshot, place, prefix)


def _wildcard(snapshot: Snapshot, place: _Place, prefix: Prefix) -> Prefix | None:
    """Return the source of synthesis for a name that does not exist (RFC 4592, section 3.3.1)."""
    contents = place.contents
    if not contents.has_wildcards:
        return None
    for offset in suffix_offsets(prefix + ROOT):
        encloser = prefix[offset:]
        if encloser in contents.prefixes or encloser + place.apex in snapshot.apex_ancestors:
            source = _WILDCARD + encloser
            return source if source in contents.prefixes else None
    return None  # pragma: no cover  (the apex always exists)


def _at_owner(
    snapshot: Snapshot, place: _Place, owner: Prefix, rrtype: int, rotation: Rotation
) -> tuple[RRset, Host | None] | None:
    static = place.contents.rrsets.get(owner, {})
    host = place.contents.hosts.get(owner)
    if rrtype == ANY:
        # RFC 8482, section 4.1: one RRset of those that are there.
        types = set(static) | ({SOA} if not owner else set())
        types |= {A, AAAA} if host is not None else set()
        for candidate in (*_ANY_ORDER, *sorted(types)):
            if candidate in types:
                found = _at_owner(snapshot, place, owner, candidate, rotation)
                if found is not None:
                    return found
        return None
    if rrtype == SOA and not owner:
        return _soa_rrset(place.contents.soa, place.apex, place.contents.soa.ttl_seconds), None
    if host is not None and rrtype in (A, AAAA):
        variants = snapshot.answers[host.name, rrtype].variants
        if not variants:
            return None
        rdatas = variants[rotation(host.name, rrtype) % len(variants)]
        return RRset(rrtype, host.ttl_seconds, rdatas), host
    rrset = static.get(rrtype) or static.get(CNAME)
    return (rrset, None) if rrset is not None else None


def _records(place: _Place, owner: Name, rrset: RRset) -> Iterator[Record]:
    soa_in_owner = rrset.rrtype == SOA and place.contents.soa.rname_in_zone
    for rdata in rrset.rdatas:
        yield Record(owner, rrset.rrtype, rrset.ttl_seconds, rdata, soa_in_owner)


def _soa_rrset(soa: Soa, apex: Name, ttl_seconds: int) -> RRset:
    return RRset(SOA, ttl_seconds, (soa_rdata(soa, apex),))


def soa_rdata(soa: Soa, apex: Name) -> bytes:
    """Return the RDATA of a zone's SOA (RFC 1035, section 3.3.13)."""
    rname = soa.rname + apex if soa.rname_in_zone else soa.rname
    return (
        soa.mname
        + rname
        + struct.pack(
            "!5I",
            soa.serial,
            soa.refresh_seconds,
            soa.retry_seconds,
            soa.expire_seconds,
            soa.minimum_seconds,
        )
    )


def negative_soa(place: _Place) -> Record:
    """Return the SOA of a negative answer, with the TTL of RFC 2308, section 5."""
    soa = place.contents.soa
    rrset = _soa_rrset(soa, place.apex, soa.negative_ttl_seconds)
    return next(_records(place, place.apex, rrset))
