"""The pure-Python executor: a packet and a table to a reply, or a miss.

This is the hot path. It parses nothing that it can look up: the QNAME is found by the end of its
bytes, what stands around the question (flags, counts, OPT) is recognised whole. What it does not
know exactly it leaves to the responder, whose bytes it must equal.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rrdns.dns.message import EDE_NOT_AUTHORITATIVE, MAX_MESSAGE_OCTETS, opt_record
from rrdns.dns.query import HEADER_OCTETS, limit_octets, scan
from rrdns.names import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, Name, Prefix
from rrdns.rrtypes import CLASS_IN, DS
from rrdns.table.table import SLOTS, TALLY_KEYS, Branch, Entry, Node, Rotor, Table, Template

_MAX_PLANS = 2048
_MAX_MOVED = 4096
_MAX_TAIL_OCTETS = 64
_FIRST_TCP_SLOT = 2
_IN = CLASS_IN.to_bytes(2, "big")
# QTYPEs that mean something else than "the records of this type".
_SPECIAL = frozenset(number.to_bytes(2, "big") for number in (0, 41, DS, *range(128, 256)))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the bytes around a question ask for; `head` indexes `Entry.heads`."""

    head: int
    opt: bytes
    refused_opt: bytes
    udp_limit: int


@dataclass(frozen=True, slots=True)
class _Rotation:
    """Where each rotor of a table began and is, and who led under the tables before it."""

    rotors: tuple[Rotor, ...]
    starts: list[int]
    turns: list[int]
    earlier: Counter[tuple[Name, bytes]]

    def leads(self) -> Counter[tuple[Name, bytes]]:
        leads = Counter(self.earlier)
        for rotor, start, turn in zip(self.rotors, self.starts, self.turns, strict=True):
            count = len(rotor.leads)
            for index, address in enumerate(rotor.leads):
                # How many of start..turn-1 are `index` modulo `count`.
                served = (turn - index - 1) // count - (start - index - 1) // count
                leads[rotor.host, address] += served
        return leads


class PythonExecutor:
    """Executes the newest table; owns the rotation and the counts of one thread.

    A slot numbers the protocol and family of a client, as in `table.SLOTS`. Rotations begin at
    step `stagger`, so that several executors do not all begin with the same address.
    """

    def __init__(self, table: Table, stagger: int = 0) -> None:
        self.truncated = 0
        self._stagger = stagger
        self._counts = [0] * (len(TALLY_KEYS) * len(SLOTS))
        self._turns: list[int] = []
        self._rotation = _Rotation((), [], self._turns, Counter())
        self._numbers: dict[tuple[Name, int], int] = {}
        self._plans: dict[bytes, _Plan] = {}
        self._moved: dict[int, bytes] = {}
        self.adopt(table)

    # --- tables -------------------------------------------------------------------------------

    def adopt(self, table: Table) -> None:
        """Execute `table` from now on; rotation goes on where it was."""
        old = self._rotation
        turns = {
            (rotor.host, rotor.rrtype): turn
            for rotor, turn in zip(old.rotors, old.turns, strict=True)
        }
        new = [turns.get((rotor.host, rotor.rrtype), self._stagger) for rotor in table.rotors]
        # One assignment: other threads read it for the metrics.
        self._rotation = _Rotation(table.rotors, list(new), new, old.leads())
        self._turns = new
        self._numbers = {
            (rotor.host, rotor.rrtype): number for number, rotor in enumerate(table.rotors)
        }
        self._plans.clear()
        self._moved.clear()
        self.table = table
        self._names = table.names
        self._domains = table.snapshot.domains
        self._apexes = {name: branch.nodes[b""] for name, branch in table.profiles.items()}
        self._payload = table.snapshot.udp_payload

    # --- answering ----------------------------------------------------------------------------

    def execute(self, packet: bytes, slot: int) -> bytes | None:
        """Return the reply to a packet, or None for a miss."""
        name_end = packet.find(0, HEADER_OCTETS) + 1
        end = name_end + 4
        plan = self._plans.get(packet[2:HEADER_OCTETS] + packet[end:])
        if plan is None:
            plan = self._make_plan(packet, end)
            if plan is None:
                return None
        name = packet[HEADER_OCTETS:name_end].lower()
        node = self._names.get(name)
        if node is None:
            profile = self._domains.get(name)
            if profile is None:
                return self._beside_names(packet, slot, plan, name, end)
            node = self._apexes[profile.name]
        entry = node.entries.get(packet[name_end:end])
        if entry is None:
            return self._no_data(packet, slot, plan, node, name, end)
        if entry.rotor >= 0:
            turn = self._turns[entry.rotor]
            self._turns[entry.rotor] = turn + 1
            body = entry.bodies[turn % len(entry.bodies)]
        elif entry.template is None:
            body = entry.bodies[0]
        else:
            body = self._moved_body(entry.template, len(name), len(name))
        reply = packet[:2] + entry.heads[plan.head] + packet[12:end] + body + plan.opt
        if len(reply) > plan.udp_limit:
            return self._large(reply, packet, slot, plan, entry, end)
        self._counts[entry.tally + slot] += 1
        return reply

    def _no_data(
        self, packet: bytes, slot: int, plan: _Plan, node: Node, name: Name, end: int
    ) -> bytes | None:
        """Answer for a name that is there, but has no records of the type."""
        entry = _nodata(node, packet[end - 4 : end])
        if entry is None:
            return None
        body = (
            entry.bodies[0]
            if entry.template is None
            else (self._moved_body(entry.template, len(name), len(name)))
        )
        return self._shared(packet, slot, plan, entry, body, end)

    def _make_plan(self, packet: bytes, end: int) -> _Plan | None:
        query = scan(packet)
        if query is None or query.opcode or query.error is not None:
            return None
        if len(query.question) != end - HEADER_OCTETS:
            return None
        edns = query.edns
        opt = refused = b""
        if edns is not None:
            opt = opt_record(self._payload, dnssec_ok=edns.dnssec_ok)
            refused = opt_record(self._payload, dnssec_ok=edns.dnssec_ok, ede=EDE_NOT_AUTHORITATIVE)
        head = int(query.recursion_desired) + 2 * int(edns is not None)
        plan = _Plan(head, opt, refused, limit_octets(edns, self._payload))
        if len(packet) - end <= _MAX_TAIL_OCTETS and (edns is None or not edns.options):
            # Options may hold anything (a cookie is new for each client), other records too:
            # not worth keeping.
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            self._plans[packet[2:HEADER_OCTETS] + packet[end:]] = plan
        return plan

    def _beside_names(
        self, packet: bytes, slot: int, plan: _Plan, name: Name, end: int
    ) -> bytes | None:
        """Answer for a name that no zone has: a filtered domain's, an absent or a foreign one."""
        type_and_class = packet[end - 4 : end]
        if type_and_class[2:] != _IN or type_and_class[:2] in _SPECIAL:
            return None
        found = self._entry_beside_names(name, type_and_class)
        if found is None:
            return None
        entry, template, apex_octets = found
        body = self._moved_body(template, len(name), apex_octets)
        return self._shared(packet, slot, plan, entry, body, end)

    def _shared(
        self, packet: bytes, slot: int, plan: _Plan, entry: Entry, body: bytes, end: int
    ) -> bytes | None:
        """Put a reply together that may be one for several QTYPEs, and count it by the query's."""
        opt = plan.refused_opt if entry is self.table.refused else plan.opt
        reply = packet[:2] + entry.heads[plan.head] + packet[12:end] + body + opt
        if len(reply) > plan.udp_limit:
            return self._large(reply, packet, slot, plan, entry, end)
        self._counts[entry.tally_of(packet[end - 4 : end - 2]) + slot] += 1
        return reply

    def _entry_beside_names(
        self, name: Name, type_and_class: bytes
    ) -> tuple[Entry, Template, int] | None:
        table = self.table
        if len(name) > MAX_NAME_OCTETS:
            return None
        offset = 0
        # The labels are walked: the first zero octet may have been inside of one, or the name a
        # pointer; neither then ends where the octets do.
        while offset < len(name) and name[offset] <= MAX_LABEL_OCTETS:
            apex = name[offset:]
            entry: Entry | None = None
            if apex in table.zones:
                entry = table.zones[apex]
            elif (profile := self._domains.get(apex)) is not None:
                entry = _in_branch(table.profiles[profile.name], name[:offset], type_and_class)
            elif not name[offset]:
                entry = table.refused
            else:
                offset += 1 + name[offset]
                continue
            if entry is None or entry.template is None:
                return None
            return entry, entry.template, len(apex)
        return None

    def _moved_body(self, template: Template, name_octets: int, apex_octets: int) -> bytes:
        # A template lives as long as its table, and the cache no longer: its id is unique.
        key = id(template) << 16 | name_octets << 8 | apex_octets
        body = self._moved.get(key)
        if body is None:
            if len(self._moved) >= _MAX_MOVED:
                self._moved.clear()
            body = self._moved[key] = template.at(name_octets, apex_octets)
        return body

    def _large(
        self, reply: bytes, packet: bytes, slot: int, plan: _Plan, entry: Entry, end: int
    ) -> bytes | None:
        """Empty a reply that is too large for UDP, with TC; over TCP it goes out whole."""
        if slot >= _FIRST_TCP_SLOT:
            if len(reply) > MAX_MESSAGE_OCTETS:
                return None
        else:
            head = entry.heads[plan.head]
            additional = b"\0\1" if plan.opt else b"\0\0"
            counts = head[2:4] + bytes(4) + additional
            flags = bytes([head[0] | 0x02, head[1]])
            reply = packet[:2] + flags + counts + packet[12:end] + plan.opt
            self.truncated += 1
        self._counts[entry.tally_of(packet[end - 4 : end - 2]) + slot] += 1
        return reply

    def turn(self, host: Name, rrtype: int) -> int:
        """Return and advance the rotation of a host, for the responder's answers."""
        number = self._numbers[host, rrtype]
        turn = self._turns[number]
        self._turns[number] = turn + 1
        return turn

    # --- counts -------------------------------------------------------------------------------

    def answered(self) -> Mapping[tuple[str, int, int], int]:
        """Return the number of hits since the start by (type label, RCODE, slot)."""
        return {
            (label, rcode, slot): count
            for index, (label, rcode) in enumerate(TALLY_KEYS)
            for slot in range(len(SLOTS))
            if (count := self._counts[index * len(SLOTS) + slot])
        }

    def leads(self) -> Counter[tuple[Name, bytes]]:
        """Return how often each packed address led the answers of each host since the start."""
        return self._rotation.leads()


def _in_branch(branch: Branch, prefix: Prefix, type_and_class: bytes) -> Entry | None:
    node = branch.nodes.get(prefix)
    if node is None:
        return branch.nxdomain
    return node.entries.get(type_and_class) or _nodata(node, type_and_class)


def _nodata(node: Node, type_and_class: bytes) -> Entry | None:
    if type_and_class[2:] != _IN or type_and_class[:2] in _SPECIAL:
        return None
    return node.nodata
