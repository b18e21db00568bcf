"""Answers that many names share: the responder is asked with samples, and the offsets are noted.

A filtered domain's answers, what a wildcard gives, what names get that do not exist: all bytes are
equal but for pointers that move with the lengths of QNAME and apex.
"""

import struct
from collections.abc import Iterable, Sequence

from rrdns.dns.message import Encoded, encode_records
from rrdns.dns.options import Asker, Transport
from rrdns.dns.query import HEADER_OCTETS, scan
from rrdns.dns.responder import answer
from rrdns.model import Contents, Profile, Snapshot
from rrdns.names import MAX_NAME_OCTETS, ROOT, Name, Prefix, suffix_offsets
from rrdns.rrtypes import AAAA, CLASS_IN, CNAME, DS, NXDOMAIN, SOA, A
from rrdns.table.table import Absence, Branch, Entry, Heads, Node, Template, tally

_FLAG_RD = 0x01
_RCODE_MASK = 0x0F
_MAX_POINTER = 0x3FFF
_TYPES = range(65534, 0, -1)  # those for private use come first (RFC 6895, section 3.1)
_WILDCARD = b"\x01*"
# Names of samples: apexes and prefixes of several lengths. Labels of octets that no configuration
# is likely to have; a sample that does not fit its zone is left out.
_SAMPLE_APEXES = (
    b"\x01\xff\x00",
    b"\x03\xfe\xfd\xfc\x05\xfb\xfb\xfb\xfb\xfb\x00",
    b"\x3f" + b"\xfa" * 63 + ROOT,
)
_SAMPLE_PREFIXES = (b"\x01\xf0", b"\x02\xf1\xf2\x04\xf3\xf3\xf3\xf3", b"\x28" + b"\xf4" * 40)

_NOBODY = Asker(Transport.TCP)

# A snapshot and an apex in it to ask below.
Stage = tuple[Snapshot, Name]


def is_cut_off(contents: Contents, prefix: Prefix) -> bool:
    """Tell whether a name is at or below a delegation, or below a redirection."""
    at_or_above = [prefix[offset:] for offset in suffix_offsets(prefix + ROOT)]
    return not contents.cuts.isdisjoint(at_or_above) or not contents.redirections.isdisjoint(
        at_or_above[1:]
    )


def types_at(contents: Contents, prefix: Prefix) -> set[int]:
    """Return the types that a name has records of."""
    types = set(contents.rrsets.get(prefix, ())) | (set() if prefix else {SOA})
    return types | ({A, AAAA} if prefix in contents.hosts else set())


def profile_branch(profile: Profile) -> Branch:
    """Return what a profile says for all of its domains."""
    contents = profile.contents
    snapshot = Snapshot({}, {profile.name: profile}, dict.fromkeys(_SAMPLE_APEXES, profile), {})
    stages = [(snapshot, apex) for apex in _SAMPLE_APEXES]
    nodes = {
        # DS at a domain's apex is its parent's to answer, and that may be a zone of ours.
        prefix: _shared_node(contents, prefix, [prefix], stages, set() if prefix else {DS})
        for prefix in contents.prefixes
        if not is_cut_off(contents, prefix)
    }
    return Branch(nodes, absence(contents, stages))


def absence(contents: Contents, stages: Sequence[Stage]) -> Absence:
    """Return what names get that are not in `contents`, asked below the apexes of the stages."""
    wildcards = {
        owner[len(_WILDCARD) :]: _wildcard_node(contents, owner, stages)
        for owner in contents.prefixes
        if owner.startswith(_WILDCARD) and not is_cut_off(contents, owner)
    }
    enclosers = (
        prefix
        for prefix in sorted(contents.prefixes, key=len)
        if prefix not in wildcards
        and prefix not in contents.redirections
        and not is_cut_off(contents, prefix)
    )
    nxdomain = None
    encloser = next(enclosers, None)
    if encloser is not None:
        names = [sample + encloser for sample in _SAMPLE_PREFIXES]
        nxdomain = _template_entry(_samples(names, stages), A)
    if nxdomain is not None and nxdomain.heads[0][1] & _RCODE_MASK != NXDOMAIN:
        nxdomain = None
    return Absence(contents.prefixes, contents.cuts | contents.redirections, wildcards, nxdomain)


def _wildcard_node(contents: Contents, owner: Prefix, stages: Sequence[Stage]) -> Node | None:
    if owner in contents.hosts:
        return None
    encloser = owner[len(_WILDCARD) :]
    names = [sample + encloser for sample in _SAMPLE_PREFIXES]
    return _shared_node(contents, owner, names, stages, set())


def _samples(
    prefixes: Sequence[Prefix], stages: Sequence[Stage]
) -> list[tuple[Snapshot, Name, Name]]:
    """Pair prefixes with stages, so that there are several lengths of what there are several of."""
    count = max(len(prefixes), len(stages))
    return [
        (snapshot, prefixes[index % len(prefixes)] + apex, apex)
        for index in range(count)
        for snapshot, apex in (stages[index % len(stages)],)
    ]


def _shared_node(
    contents: Contents,
    owner: Prefix,
    prefixes: Sequence[Prefix],
    stages: Sequence[Stage],
    left_out: set[int],
) -> Node:
    types = types_at(contents, owner) - left_out
    samples = _samples(prefixes, stages)
    found = {rrtype: _template_entry(samples, rrtype) for rrtype in types}
    entries = {
        type_and_class(rrtype): entry for rrtype, entry in found.items() if entry is not None
    }
    if CNAME in types or len(entries) < len(types):
        # A CNAME is followed by the responder; and NODATA would be said of the types that are
        # there but have no template.
        return Node(entries, None)
    return Node(entries, _template_entry(samples, absent_type(types)))


def _template_entry(samples: Iterable[tuple[Snapshot, Name, Name]], rrtype: int) -> Entry | None:
    """Return a templated entry if what the responder says of all samples differs in offsets only.

    Samples are (snapshot, QNAME, apex). None means that such names stay with the responder.
    """
    entry: Entry | None = None
    for snapshot, name, apex in samples:
        if len(name) > MAX_NAME_OCTETS:
            continue
        encoded = ask(snapshot, name, rrtype, 0)
        heads = heads_of(encoded.wire)
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


def refused() -> Entry:
    """Return the answer to names outside of all zones."""
    entry = _template_entry([(Snapshot({}, {}, {}, {}), _SAMPLE_APEXES[0], ROOT)], A)
    if entry is None:  # pragma: no cover  (one sample always makes a template)
        raise AssertionError("no answer for names outside our zones")
    return entry


def absent_type(types: set[int]) -> int:
    """Return a type that a name does not have, to ask for NODATA with."""
    return next(rrtype for rrtype in _TYPES if rrtype not in types)


def type_and_class(rrtype: int) -> bytes:
    """Return the octets of a QTYPE and the class IN."""
    return struct.pack("!2H", rrtype, CLASS_IN)


def ask(snapshot: Snapshot, name: Name, rrtype: int, index: int) -> Encoded:
    """Return what the responder says, with every rotation at step `index`."""
    packet = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + name + type_and_class(rrtype)
    query = scan(packet)
    if query is None:  # pragma: no cover  (the packet above is a query)
        raise AssertionError("the compiler's own query is no query")
    return encode_records(query, answer(query, snapshot, _NOBODY, lambda _host, _rrtype: index))


def heads_of(wire: bytes) -> Heads:
    """Return the headers of a reply, for queries without RD and OPT and with them."""
    flags = wire[2:4]
    with_rd = bytes([flags[0] | _FLAG_RD, flags[1]])
    counts = wire[4:12]
    with_opt = counts[:6] + (int.from_bytes(counts[6:], "big") + 1).to_bytes(2, "big")
    return flags + counts, with_rd + counts, flags + with_opt, with_rd + with_opt
