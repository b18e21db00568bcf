"""Snapshot to table. Knows no DNS: it asks the responder, and keeps the bytes that it says."""

import struct
from collections.abc import Iterable, Iterator, Mapping

from rrdns.dns.lookup import find_place
from rrdns.dns.message import Encoded, encode_records
from rrdns.dns.query import HEADER_OCTETS, scan
from rrdns.dns.responder import answer
from rrdns.model import Contents, Profile, Snapshot, Zone
from rrdns.names import MAX_NAME_OCTETS, ROOT, Name, Prefix, suffix_offsets
from rrdns.rrtypes import AAAA, CLASS_IN, CNAME, DS, SOA, A
from rrdns.table.table import Branch, Entry, Heads, Node, Rotor, Table, Template, tally

_FLAG_RD = 0x01
_RCODE_MASK = 0x0F
_MAX_POINTER = 0x3FFF
# Names of templates' samples: apexes and prefixes of several lengths. Labels of octets that no
# configuration is likely to have; a sample that does not fit its zone is left out.
_SAMPLE_APEXES = (
    b"\x01\xff\x00",
    b"\x03\xfe\xfd\xfc\x05\xfb\xfb\xfb\xfb\xfb\x00",
    b"\x3f" + b"\xfa" * 63 + ROOT,
)
_SAMPLE_PREFIXES = (b"\x01\xf0", b"\x02\xf1\xf2\x04\xf3\xf3\xf3\xf3", b"\x28" + b"\xf4" * 40)
_TYPES = range(65534, 0, -1)  # those for private use come first (RFC 6895, section 3.1)


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
        {apex: _absent_in_zone(snapshot, zone) for apex, zone in snapshot.zones.items()},
        {name: _profile_branch(profile) for name, profile in snapshot.profiles.items()},
        _refused(),
        rotors,
    )


def _rotors(snapshot: Snapshot) -> Iterator[Rotor]:
    for (host, rrtype), found in snapshot.answers.items():
        yield Rotor(host, rrtype, tuple(variant[0] for variant in found.variants))


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


def _absent_in_zone(snapshot: Snapshot, zone: Zone) -> Entry | None:
    if _absent_names_differ(zone.contents):
        return None
    samples = ((snapshot, prefix + zone.apex, zone.apex) for prefix in _SAMPLE_PREFIXES)
    return _template_entry(samples, A)


def _absent_names_differ(contents: Contents) -> bool:
    """Tell whether names that are not there may get an answer other than NXDOMAIN."""
    return bool(contents.cuts or contents.redirections or contents.has_wildcards)


def _answers_itself(snapshot: Snapshot, zone: Zone, prefix: Prefix) -> bool:
    """Tell whether a name is not hidden by a deeper apex or a delegation."""
    place = find_place(snapshot, prefix + zone.apex, A)
    if place is None or place.apex != zone.apex:
        return False
    return not _is_cut_off(zone.contents, prefix)


def _is_cut_off(contents: Contents, prefix: Prefix) -> bool:
    """Tell whether a name is at or below a delegation, or below a redirection."""
    at_or_above = [prefix[offset:] for offset in suffix_offsets(prefix + ROOT)]
    return not contents.cuts.isdisjoint(at_or_above) or not contents.redirections.isdisjoint(
        at_or_above[1:]
    )


def _types(contents: Contents, prefix: Prefix) -> set[int]:
    types = set(contents.rrsets.get(prefix, ())) | (set() if prefix else {SOA})
    return types | ({A, AAAA} if prefix in contents.hosts else set())


def _absent_type(types: set[int]) -> int:
    """Return a type that a name does not have, to ask for NODATA with."""
    return next(rrtype for rrtype in _TYPES if rrtype not in types)


def _node(
    snapshot: Snapshot,
    contents: Contents,
    prefix: Prefix,
    name: Name,
    numbers: Mapping[tuple[Name, int], int],
) -> Node:
    types = _types(contents, prefix)
    entries = {
        _type_and_class(rrtype): _entry(snapshot, name, rrtype, numbers.get((name, rrtype), -1))
        for rrtype in types
    }
    # What a CNAME leads to may rotate or change with other names: the responder follows it.
    nodata = None if CNAME in types else _entry(snapshot, name, _absent_type(types), -1)
    return Node(entries, nodata)


def _entry(snapshot: Snapshot, name: Name, rrtype: int, rotor: int) -> Entry:
    count = 1
    if rotor >= 0:
        count = len(snapshot.answers[name, rrtype].variants) or 1
    said = [_ask(snapshot, name, rrtype, index) for index in range(count)]
    first = said[0].wire
    body_start = HEADER_OCTETS + len(name) + 4
    bodies = tuple(encoded.wire[body_start:] for encoded in said)
    rotates = rotor if rotor >= 0 and snapshot.answers[name, rrtype].variants else -1
    return Entry(tally(rrtype, first[3] & _RCODE_MASK), _heads(first), bodies, rotates)


# --- templates --------------------------------------------------------------------------------


def _profile_branch(profile: Profile) -> Branch:
    contents = profile.contents
    snapshot = Snapshot({}, {profile.name: profile}, dict.fromkeys(_SAMPLE_APEXES, profile), {})
    nodes = {
        prefix: _profile_node(snapshot, contents, prefix)
        for prefix in contents.prefixes
        if not _is_cut_off(contents, prefix)
    }
    if _absent_names_differ(contents):
        return Branch(nodes, None)
    samples = (
        (snapshot, prefix + apex, apex)
        for prefix, apex in zip(_SAMPLE_PREFIXES, _SAMPLE_APEXES, strict=True)
    )
    return Branch(nodes, _template_entry(samples, A))


def _profile_node(snapshot: Snapshot, contents: Contents, prefix: Prefix) -> Node:
    # DS at a domain's apex is its parent's to answer, and that may be a zone of ours.
    types = _types(contents, prefix) - ({DS} if not prefix else set())
    entries = {}
    complete = CNAME not in types
    for rrtype in types:
        samples = ((snapshot, prefix + apex, apex) for apex in _SAMPLE_APEXES)
        entry = _template_entry(samples, rrtype)
        if entry is None:
            complete = False
        else:
            entries[_type_and_class(rrtype)] = entry
    if not complete:
        # NODATA would be said of the types that are there but have no template.
        return Node(entries, None)
    samples = ((snapshot, prefix + apex, apex) for apex in _SAMPLE_APEXES)
    return Node(entries, _template_entry(samples, _absent_type(types)))


def _template_entry(samples: Iterable[tuple[Snapshot, Name, Name]], rrtype: int) -> Entry | None:
    """Return a templated entry if what the responder says of all samples differs in offsets only.

    Samples are (snapshot, QNAME, apex). None means that such names stay with the responder.
    """
    entry: Entry | None = None
    for snapshot, name, apex in samples:
        if len(name) > MAX_NAME_OCTETS:
            continue
        encoded = _ask(snapshot, name, rrtype, 0)
        heads = _heads(encoded.wire)
        if entry is None:
            template = _template(encoded, len(name), len(apex))
            if not _reaches_everywhere(template):
                return None
            entry = Entry(tally(rrtype, encoded.wire[3] & _RCODE_MASK), heads, (), -1, template)
        elif entry.template is not None and (
            entry.heads != heads
            or entry.template.at(len(name), len(apex))
            != encoded.wire[HEADER_OCTETS + len(name) + 4 :]
        ):
            return None
    return entry


def _template(encoded: Encoded, name_octets: int, apex_octets: int) -> Template:
    body_start = HEADER_OCTETS + name_octets + 4
    apex_at = HEADER_OCTETS + name_octets - apex_octets
    own, apex = [], []
    for offset in encoded.pointers:
        target = int.from_bytes(encoded.wire[offset : offset + 2], "big") & 0x3FFF
        if target >= body_start:
            own.append((offset - body_start, target - body_start))
        elif target == apex_at and target != HEADER_OCTETS:
            apex.append(offset - body_start)
    return Template(encoded.wire[body_start:], tuple(own), tuple(apex))


def _reaches_everywhere(template: Template) -> bool:
    """Tell whether each pointer can be written for the longest QNAME too (RFC 1035, 4.1.4)."""
    body_start = HEADER_OCTETS + MAX_NAME_OCTETS + 4
    return all(body_start + distance <= _MAX_POINTER for _, distance in template.own)


def _refused() -> Entry:
    entry = _template_entry([(Snapshot({}, {}, {}, {}), _SAMPLE_APEXES[0], ROOT)], A)
    if entry is None:  # pragma: no cover  (one sample always makes a template)
        raise AssertionError("no answer for names outside our zones")
    return entry


# --- asking -----------------------------------------------------------------------------------


def _type_and_class(rrtype: int) -> bytes:
    return struct.pack("!2H", rrtype, CLASS_IN)


def _ask(snapshot: Snapshot, name: Name, rrtype: int, index: int) -> Encoded:
    packet = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + name + _type_and_class(rrtype)
    query = scan(packet)
    if query is None:  # pragma: no cover  (the packet above is a query)
        raise AssertionError("the compiler's own query is no query")
    return encode_records(query, answer(query, snapshot, lambda _host, _rrtype: index))


def _heads(wire: bytes) -> Heads:
    flags = wire[2:4]
    with_rd = bytes([flags[0] | _FLAG_RD, flags[1]])
    counts = wire[4:12]
    with_opt = counts[:6] + (int.from_bytes(counts[6:], "big") + 1).to_bytes(2, "big")
    return flags + counts, with_rd + counts, flags + with_opt, with_rd + with_opt
