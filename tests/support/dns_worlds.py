"""Small snapshots written down in a few lines of zone-file text."""

from collections.abc import Mapping

from rrdns.dns.zonefile import parse_zone_file
from rrdns.model import (
    Choice,
    Contents,
    Host,
    HostAnswer,
    Member,
    Profile,
    RRset,
    Selection,
    Snapshot,
    Soa,
    Zone,
)
from rrdns.names import Name, from_text
from rrdns.targets import Family, Health, ProbeSettings, Target


def soa(ttl_seconds: int = 3600, minimum_seconds: int = 60, *, in_zone: bool = True) -> Soa:
    """Return a SOA; its RNAME is in the zone, or is root.other.test."""
    rname = b"\4root" if in_zone else from_text("root.other.test.")
    return Soa(
        from_text("ns.other.test."), rname, in_zone, 1, 2, 3, 4, minimum_seconds, ttl_seconds
    )


def member(node: str, address: str) -> Member:
    """Return one address of a node's primary role."""
    return Member(node, "primary", Target(address, ProbeSettings()))


def contents(
    text: str, apex: str, hosts: Mapping[str, Host] | None = None, start: Soa | None = None
) -> Contents:
    """Return contents from zone-file text relative to `apex`; NS ns.other.test. stands there."""
    origin = from_text(apex)
    found, problems = parse_zone_file(f"@ NS ns.other.test.\n{text}", "zone", origin, 300)
    assert problems == []
    rrsets: dict[bytes, dict[int, RRset]] = {}
    for entry in found:
        rrsets.setdefault(entry.owner[: -len(origin)], {})[entry.rrset.rrtype] = entry.rrset
    named = {from_text(key, b"") if key else b"": host for key, host in (hosts or {}).items()}
    return Contents(start or soa(), rrsets, named)


def host(name: str, *addresses: str, ttl_seconds: int = 60) -> Host:
    """Return a host over one node for each address."""
    members = tuple(member(f"node{index}", text) for index, text in enumerate(addresses))
    return Host(from_text(name), members, ttl_seconds)


def host_answers(found: Host) -> dict[tuple[Name, int], HostAnswer]:
    """Return answers with every address in, turned by one at each step."""
    answers = {}
    for family in Family:
        members = found.considered(family)
        packed = [each.target.packed for each in members]
        choices = tuple(Choice(each, Health.UP, True, "healthy") for each in members)
        answers[found.name, family.rrtype] = HostAnswer(
            Selection(found, family, choices, failopen=False, degraded=False),
            tuple(tuple(packed[lead:] + packed[:lead]) for lead in range(len(packed))),
        )
    return answers


def snapshot(
    zones: Mapping[str, Contents],
    profiles: Mapping[str, Contents] | None = None,
    domains: Mapping[str, str] | None = None,
    udp_payload: int = 1232,
) -> Snapshot:
    """Return a snapshot in which every node is healthy; `domains` maps apexes to profiles."""
    made = {name: Profile(name, found) for name, found in (profiles or {}).items()}
    answers: dict[tuple[Name, int], HostAnswer] = {}
    for found in zones.values():
        for each in found.hosts.values():
            answers.update(host_answers(each))
    return Snapshot(
        {from_text(apex): Zone(from_text(apex), found) for apex, found in zones.items()},
        made,
        {from_text(apex): made[name] for apex, name in (domains or {}).items()},
        answers,
        udp_payload,
    )
