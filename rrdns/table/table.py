"""The table: a snapshot compiled to wire-format answers. Plain data, immutable, shared by loops."""

from collections.abc import Mapping
from dataclasses import dataclass

from rrdns.model import Snapshot
from rrdns.names import Name, Prefix
from rrdns.rrtypes import NOERROR, RCODE_MNEMONICS, TYPE_MNEMONICS, type_label

# Counters are numbered, so that an executor counts an answer with one addition to a list:
# (type label, RCODE) -> the first of four places, one for each protocol and family.
SLOTS = (("udp", "ipv4"), ("udp", "ipv6"), ("tcp", "ipv4"), ("tcp", "ipv6"))
TALLY_KEYS = tuple(
    (label, rcode) for label in (*TYPE_MNEMONICS.values(), "other") for rcode in RCODE_MNEMONICS
)
_TALLIES = {key: index * len(SLOTS) for index, key in enumerate(TALLY_KEYS)}
# The places of a type stand together, in the order of the RCODEs.
_TALLIES_OF_A_TYPE = len(RCODE_MNEMONICS) * len(SLOTS)
_FIRST_TALLIES = {
    number.to_bytes(2, "big"): _TALLIES[mnemonic, NOERROR]
    for number, mnemonic in TYPE_MNEMONICS.items()
}
_FIRST_OF_OTHERS = _TALLIES["other", NOERROR]

# The bytes of a reply's header from the flags on, for each (RD, has an OPT): index RD + 2 * OPT.
Heads = tuple[bytes, bytes, bytes, bytes]


def tally(rrtype: int, rcode: int) -> int:
    """Return where the counters of answers with this QTYPE and RCODE begin."""
    return _TALLIES[type_label(rrtype), rcode]


@dataclass(frozen=True, slots=True)
class Template:
    """An answer's records, shared by many names: offsets in `body` of pointers that move.

    `own` are pointers to names in the body, with the distance of each from the body's start;
    `apex` are pointers to the zone's apex within the QNAME.
    """

    body: bytes
    own: tuple[tuple[int, int], ...]
    apex: tuple[int, ...]

    def at(self, name_octets: int, apex_octets: int) -> bytes:
        """Return the body for a QNAME and apex of these lengths on the wire."""
        if not self.own and not self.apex:
            return self.body
        moved = bytearray(self.body)
        body_start = 12 + name_octets + 4
        for offset, distance in self.own:
            moved[offset : offset + 2] = (0xC000 | body_start + distance).to_bytes(2, "big")
        apex = (0xC000 | 12 + name_octets - apex_octets).to_bytes(2, "big")
        for offset in self.apex:
            moved[offset : offset + 2] = apex
        return bytes(moved)


@dataclass(frozen=True, slots=True)
class Entry:
    """One remembered answer.

    `tally` is where the counters of its own QTYPE begin; see `tally_of` for answers to several.
    `heads` are the reply's octets 2 to 11, `bodies` the octets after the question, a variant
    each. `rotor` numbers the counter that steps through them, -1 where nothing rotates. With a
    `template`, that has the octets, and `bodies` is empty.
    """

    tally: int
    heads: Heads
    bodies: tuple[bytes, ...] = ()
    rotor: int = -1
    template: Template | None = None

    def tally_of(self, rrtype: bytes) -> int:
        """Return where the counters of this answer to a QTYPE (2 octets) begin."""
        return _FIRST_TALLIES.get(rrtype, _FIRST_OF_OTHERS) + self.tally % _TALLIES_OF_A_TYPE


@dataclass(frozen=True, slots=True)
class Node:
    """What is known of one owner name: entries by QTYPE and QCLASS (4 octets).

    `nodata` answers the ordinary types without an entry; where it is None they are misses.
    """

    entries: Mapping[bytes, Entry]
    nodata: Entry | None


@dataclass(frozen=True, slots=True)
class Absence:
    """A zone's or profile's answers to names that do not exist.

    `prefixes` are the names that do; `wildcards` has, by closest encloser, what is synthesized
    below it (None: the responder's business), `cuts` the delegations and redirections, names below
    which are misses.
    `nxdomain` answers the other names; where it is None they are misses too.
    """

    prefixes: frozenset[Prefix]
    cuts: frozenset[Prefix]
    wildcards: Mapping[Prefix, Node | None]
    nxdomain: Entry | None


@dataclass(frozen=True, slots=True)
class Branch:
    """A profile's names by prefix, and its answers to names that do not exist."""

    nodes: Mapping[Prefix, Node]
    absence: Absence


@dataclass(frozen=True, slots=True)
class Rotor:
    """What a counter steps through: a host, its record type, and who leads each variant.

    `marks` are the variants' places in the policy's sequence (see `rotation.continuation`).
    """

    host: Name
    rrtype: int
    leads: tuple[bytes, ...]
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A compiled snapshot.

    `names` has every node of our zones by absolute name; `zones` has by apex what answers names
    that do not exist. `profiles` has the profiles' branches by name. `refused` answers names
    outside of all of them.
    """

    generation: int
    snapshot: Snapshot
    names: Mapping[Name, Node]
    zones: Mapping[Name, Absence]
    profiles: Mapping[str, Branch]
    refused: Entry
    rotors: tuple[Rotor, ...]
