"""Snapshot to table. Knows no DNS: it asks the responder, and keeps the bytes that it says."""

from collections.abc import Iterator, Mapping

from rrdns.dns.lookup import find_place
from rrdns.dns.query import HEADER_OCTETS
from rrdns.model import Contents, Snapshot, Zone
from rrdns.names import Name, Prefix
from rrdns.rrtypes import CNAME, A
from rrdns.table.table import Entry, Node, Rotor, Table, tally
from rrdns.table.templates import (
    absence,
    absent_type,
    ask,
    heads_of,
    is_cut_off,
    profile_branch,
    refused,
    type_and_class,
    types_at,
)

_RCODE_MASK = 0x0F


def compile_table(snapshot: Snapshot, generation: int, previous: Table | None = None) -> Table:
    """Return the table of a snapshot.

    What `previous` has of the same zones and profiles is taken over, but for the hosts whose
    addresses changed: so a probe's verdict costs a few entries, whatever the size of the zones.
    """
    rotors = tuple(_rotors(snapshot))
    numbers = {(rotor.host, rotor.rrtype): index for index, rotor in enumerate(rotors)}
    if previous is not None and _same_static(previous.snapshot, snapshot):
        names = {**previous.names, **_host_nodes(snapshot, previous.snapshot, numbers)}
        return Table(
            generation, snapshot, names, previous.zones, previous.profiles, previous.refused, rotors
        )
    return Table(
        generation,
        snapshot,
        dict(_zone_nodes(snapshot, numbers)),
        {apex: absence(zone.contents, [(snapshot, apex)]) for apex, zone in snapshot.zones.items()},
        {name: profile_branch(profile) for name, profile in snapshot.profiles.items()},
        refused(),
        rotors,
    )


def _rotors(snapshot: Snapshot) -> Iterator[Rotor]:
    for (host, rrtype), found in snapshot.answers.items():
        leads = tuple(variant[0] for variant in found.variants)
        yield Rotor(host, rrtype, leads, found.marks or tuple(range(len(leads))))


def _same_static(old: Snapshot, new: Snapshot) -> bool:
    return (
        old.zones is new.zones
        and old.profiles is new.profiles
        and old.domains is new.domains
        and old.udp_payload == new.udp_payload
    )


def _host_nodes(
    snapshot: Snapshot, old: Snapshot, numbers: Mapping[tuple[Name, int], int]
) -> dict[Name, Node]:
    changed = {
        host
        for (host, rrtype), found in snapshot.answers.items()
        if found.variants != old.answers[host, rrtype].variants
    }
    return {
        host.name: _node(snapshot, zone.contents, prefix, host.name, numbers)
        for zone in snapshot.zones.values()
        for prefix, host in zone.contents.hosts.items()
        if host.name in changed and _answers_itself(snapshot, zone, prefix)
    }


# --- zones ------------------------------------------------------------------------------------


def _zone_nodes(
    snapshot: Snapshot, numbers: Mapping[tuple[Name, int], int]
) -> Iterator[tuple[Name, Node]]:
    for zone in snapshot.zones.values():
        for prefix in zone.contents.prefixes:
            if _answers_itself(snapshot, zone, prefix):
                name = prefix + zone.apex
                yield name, _node(snapshot, zone.contents, prefix, name, numbers)


def _answers_itself(snapshot: Snapshot, zone: Zone, prefix: Prefix) -> bool:
    """Tell whether a name is not hidden by a deeper apex or a delegation."""
    place = find_place(snapshot, prefix + zone.apex, A)
    if place is None or place.apex != zone.apex:
        return False
    return not is_cut_off(zone.contents, prefix)


def _node(
    snapshot: Snapshot,
    contents: Contents,
    prefix: Prefix,
    name: Name,
    numbers: Mapping[tuple[Name, int], int],
) -> Node:
    types = types_at(contents, prefix)
    entries = {
        type_and_class(rrtype): _entry(snapshot, name, rrtype, numbers.get((name, rrtype), -1))
        for rrtype in types
    }
    # What a CNAME leads to may rotate or change with other names: the responder follows it.
    nodata = None if CNAME in types else _entry(snapshot, name, absent_type(types), -1)
    return Node(entries, nodata)


def _entry(snapshot: Snapshot, name: Name, rrtype: int, rotor: int) -> Entry:
    variants = snapshot.answers[name, rrtype].variants if rotor >= 0 else ()
    # Policies have some orders more than once: those are asked for once.
    steps = {variant: step for step, variant in enumerate(variants)} or {(): 0}
    said = {variant: ask(snapshot, name, rrtype, step).wire for variant, step in steps.items()}
    first = next(iter(said.values()))
    body_start = HEADER_OCTETS + len(name) + 4
    bodies = {variant: wire[body_start:] for variant, wire in said.items()}
    ordered = tuple(bodies[variant] for variant in variants or ((),))
    rotates = rotor if variants else -1
    return Entry(tally(rrtype, first[3] & _RCODE_MASK), heads_of(first), ordered, rotates)
