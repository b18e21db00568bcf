"""What is valid and yet a mistake, as mail operators make it; and MX that lead nowhere.

Works on finished contents, so that records of every source are looked at alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rrdns.config.report import Place, Report
from rrdns.config.zones import Made
from rrdns.model import Contents, Node, Profile
from rrdns.names import ROOT, Name, is_below, labels, suffix_offsets, to_text
from rrdns.rrtypes import AAAA, CNAME, MX, NS, A

_DNAME = 39
_ALL = ("nodes", "zones", "profiles", "domains")

OUTSIDE, ADDRESS, ALIAS, NOTHING = "outside", "address", "alias", "nothing"


@dataclass(frozen=True)
class World:
    """All apexes that this server answers for."""

    zones: Mapping[Name, Contents]
    domains: Mapping[Name, Profile]

    def look(self, name: Name) -> str:
        """Tell what an address query for `name` finds: OUTSIDE, ADDRESS, ALIAS or NOTHING."""
        for offset in suffix_offsets(name):
            apex = name[offset:]
            if apex in self.zones:
                return _look(self.zones[apex], name[:offset])
            if apex in self.domains:
                return _look(self.domains[apex].contents, name[:offset])
        return OUTSIDE


def _look(contents: Contents, owner: bytes) -> str:
    if owner in contents.hosts:
        return ADDRESS
    ancestors = [owner[offset:] for offset in suffix_offsets(owner + ROOT)]
    types = contents.rrsets.get(owner, {})
    if owner not in contents.prefixes:
        encloser = next(a for a in ancestors if a in contents.prefixes)
        types = contents.rrsets.get(b"\x01*" + encloser, {})
    if A in types or AAAA in types:
        return ADDRESS
    renamed = any(_DNAME in contents.rrsets.get(ancestor, ()) for ancestor in ancestors[1:])
    if renamed or any(ancestor in contents.cuts for ancestor in ancestors):
        return OUTSIDE
    return ALIAS if CNAME in types else NOTHING


def lint(
    report: Report,
    world: World,
    zones: Sequence[Made],
    profiles: Sequence[Made],
    nodes: Sequence[Node],
) -> None:
    """Report everything in zones and profiles that lint knows of."""
    node_names = {node.name.lower().encode() for node in nodes}
    # Beside errors a count may be too low because of them.
    complete = not report.failed
    for made in (*zones, *profiles):
        for places, rdatas in _exchanges(report, made):
            _lint_mx(report, world, node_names, places, rdatas)
            if complete:
                _count_exchanges(report, places, rdatas)
        _lint_nameservers(report, world, made, complete=complete)
    for made in zones:
        _lint_delegations(report, made)
    for made in profiles:
        if A in made.contents.rrsets.get(b"", {}):
            message = "an A record at the apex: senders deliver to it only where there is no MX"
            report.info(made.places[b"", A], message)


def _exchanges(report: Report, made: Made) -> Iterator[tuple[list[Place], tuple[bytes, ...]]]:
    for owner, types in made.contents.rrsets.items():
        if MX in types:
            rdatas = types[MX].rdatas
            place = made.places[owner, MX]
            places = [place] * len(rdatas)
            if made.apex is None and not owner:
                places = [report.at(*made.path, "mx", n) for n in range(len(rdatas))]
            yield places, rdatas


def _lint_mx(
    report: Report,
    world: World,
    node_names: set[bytes],
    places: list[Place],
    rdatas: tuple[bytes, ...],
) -> None:
    # RDATA keeps the case in which it was written.
    exchanges = [rdata[2:].lower() for rdata in rdatas]
    if ROOT in exchanges:
        if len(exchanges) > 1:
            message = "a null MX stands alone: remove it, or all others (RFC 7505, section 3)"
            report.error(places[exchanges.index(ROOT)], message)
        return
    for place, name in zip(places, exchanges, strict=True):
        shown, parts = to_text(name), labels(name)
        if parts[-1].isdigit():
            message = f"an MX must name a host, not the address {shown.removesuffix('.')}"
            report.error(place, message)
            continue
        found = world.look(name)
        if found == OUTSIDE:
            message = f"{shown} is outside the zones of this server: mail to it bypasses the filter"
            report.warning(place, message, needs=_ALL)
        elif found == ALIAS:
            message = f"{shown} is a CNAME: an MX must name a host (RFC 2181, section 10.3)"
            report.error(place, message)
        elif found == NOTHING:
            message = f"{shown} has no address in this server's zones: add it under hosts"
            report.error(place, message, needs=_ALL)
        if parts[0] in node_names:
            message = (
                f"{shown} is named like the node {parts[0].decode()}: an MX host should stand for"
                " all nodes"
            )
            report.warning(place, message)


def _count_exchanges(report: Report, places: list[Place], rdatas: tuple[bytes, ...]) -> None:
    exchanges = {rdata[2:].lower() for rdata in rdatas}
    if len(exchanges) == 1 and ROOT not in exchanges:
        report.warning(places[0], "fewer than two MX hosts: mail waits while this one is down")


def _lint_nameservers(report: Report, world: World, made: Made, *, complete: bool) -> None:
    rrset = made.contents.rrsets.get(b"", {}).get(NS)
    if rrset is None:
        return
    place = made.places[b"", NS]
    if complete and len(rrset.rdatas) == 1:
        report.warning(place, "one name server: while it is down, nobody finds these names")
    for name in rrset.rdatas:
        if world.look(name) == NOTHING:
            message = f"NS without glue: {to_text(name)} has no address in this server's zones"
            report.warning(place, message, needs=_ALL)


def _lint_delegations(report: Report, made: Made) -> None:
    apex = made.apex or ROOT
    contents = made.contents
    for owner in contents.cuts:
        for host in contents.hosts.values():
            if is_below(host.name, owner + apex):
                message = f"this delegation would hide the host {to_text(host.name)}: remove one"
                report.error(made.places[owner, NS], message)
        if owner.startswith(b"\x01*"):
            message = (
                "NS at a wildcard delegate nothing: write out the names (RFC 4592, section 4.2)"
            )
            report.warning(made.places[owner, NS], message)
        for name in (rdata.lower() for rdata in contents.rrsets[owner][NS].rdatas):
            if not is_below(name, owner + apex):
                continue
            glue = contents.rrsets.get(name[: len(name) - len(apex)], {})
            if A not in glue and AAAA not in glue:
                message = f"NS without glue: {to_text(name)} needs an address here"
                report.warning(made.places[owner, NS], message)
