"""Snapshot to table. Knows no DNS: it asks the responder, and keeps the bytes that it says."""

from collections.abc import Iterator, Mapping

from rrdns.dns.lookup import find_place
from rrdns.dns.query import HEADER_OCTETS
from rrdns.model import Contents, HostAnswer, Snapshot, Zone
from rrdns.names import Name, Prefix
from rrdns.rrtypes import CNAME, A
from rrdns.table.orders import bodies_of
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
# How many of a host's orders the responder is asked for: at first, and when addresses change.
_SAMPLES = 3
_SAMPLES_AGAIN = 1


def compile_table(snapshot: Snapshot, generation: int, previous: Table | None = None) -> Table:
    """Return the table of a snapshot.

    What `previous` has of the same zones and profiles is taken over, but for the hosts whose
    addresses changed: so a probe's verdict costs a few entries, whatever the size of the zones.
    """
    if previous is not None and _same_static(previous.snapshot, snapshot):
        return _take_over(snapshot, generation, previous)
    rotors = tuple(
        _rotor(host, rrtype, found) for (host, rrtype), found in snapshot.answers.items()
    )
    numbers = {(rotor.host, rotor.rrtype): index for index, rotor in enumerate(rotors)}
    return Table(
        generation,
        snapshot,
        dict(_zone_nodes(snapshot, numbers)),
        {apex: absence(zone.contents, [(snapshot, apex)]) for apex, zone in snapshot.zones.items()},
        {name: profile_branch(profile) for name, profile in snapshot.profiles.items()},
        refused(),
        rotors,
    )


def _rotor(host: Name, rrtype: int, found: HostAnswer) -> Rotor:
    leads = tuple(variant[0] for variant in found.variants)
    return Rotor(host, rrtype, leads, found.marks or tuple(range(len(leads))))


def _same_static(old: Snapshot, new: Snapshot) -> bool:
    return (
        old.zones is new.zones
        and old.profiles is new.profiles
        and old.domains is new.domains
        and old.udp_payload == new.udp_payload
        and list(old.answers) == list(new.answers)
    )


def _take_over(snapshot: Snapshot, generation: int, previous: Table) -> Table:
    """Return `previous` with new entries and rotors where a host's variants changed."""
    before, rotors = previous.snapshot.answers, list(previous.rotors)
    changed: dict[Name, list[tuple[int, int]]] = {}
    for number, ((name, rrtype), found) in enumerate(snapshot.answers.items()):
        old = before[name, rrtype]
        if found.variants != old.variants or found.marks != old.marks:
            changed.setdefault(name, []).append((rrtype, number))
            rotors[number] = _rotor(name, rrtype, found)
    names = dict(previous.names)
    for zone in snapshot.zones.values():
        for prefix, host in zone.contents.hosts.items():
            if host.name in changed and _answers_itself(snapshot, zone, prefix):
                node = names[host.name]
                entries = dict(node.entries)
                for rrtype, number in changed[host.name]:
                    entry = _entry(snapshot, host.name, rrtype, number, _SAMPLES_AGAIN)
                    entries[type_and_class(rrtype)] = entry
                names[host.name] = Node(entries, node.nodata)
    return Table(
        generation,
        snapshot,
        names,
        previous.zones,
        previous.profiles,
        previous.refused,
        tuple(rotors),
    )


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


def _entry(
    snapshot: Snapshot, name: Name, rrtype: int, rotor: int, samples: int = _SAMPLES
) -> Entry:
    variants = snapshot.answers[name, rrtype].variants if rotor >= 0 else ()
    body_start = HEADER_OCTETS + len(name) + 4
    wires: list[bytes] = []

    def say(step: int) -> bytes:
        wires.append(ask(snapshot, name, rrtype, step).wire)
        return wires[-1][body_start:]

    bodies = bodies_of(variants, say, samples) if variants else (say(0),)
    wire = wires[0]
    rotates = rotor if variants else -1
    return Entry(tally(rrtype, wire[3] & _RCODE_MASK), heads_of(wire), bodies, rotates)
