"""The pure-Python executor: a packet and a table to a reply, or a miss.

This is the hot path. It parses nothing that it can look up: the QNAME is found by the end of its
bytes, what stands around the question (flags, counts, OPT) is recognised whole. What it does not
know exactly it leaves to the responder, whose bytes it must equal.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rrdns.dns.message import (
    EDE_NOT_AUTHORITATIVE,
    HEADER_OCTETS,
    MAX_MESSAGE_OCTETS,
    limit_octets,
    opt_record,
    scan,
)
from rrdns.names import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, Name
from rrdns.rrtypes import CLASS_IN, DS
from rrdns.table.table import SLOTS, TALLY_KEYS, Entry, Node, Rotor, Table

_MAX_PLANS = 2048
_MAX_MOVED = 4096
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


class PythonExecutor:
    """Executes the newest table; owns the rotation and the counts of one thread.

    A slot numbers the protocol and family of a client, as in `table.SLOTS`.
    """

    def __init__(self, table: Table) -> None:
        self.truncated = 0
        self._counts = [0] * (len(TALLY_KEYS) * len(SLOTS))
        self._leads: Counter[tuple[Name, bytes]] = Counter()
        self._starts: list[int] = []
        self._turns: list[int] = []
        self._rotors: tuple[Rotor, ...] = ()
        self._numbers: dict[tuple[Name, int], int] = {}
        self._plans: dict[bytes, _Plan] = {}
        self._moved: dict[tuple[int, int, int], bytes] = {}
        self.adopt(table)

    # --- tables -------------------------------------------------------------------------------

    def adopt(self, table: Table) -> None:
        """Execute `table` from now on; rotation goes on where it was."""
        turns = {
            (rotor.host, rotor.rrtype): turn
            for rotor, turn in zip(self._rotors, self._turns, strict=True)
        }
        self._leads.update(self._new_leads())
        self._rotors = table.rotors
        self._turns = [turns.get((rotor.host, rotor.rrtype), 0) for rotor in table.rotors]
        self._starts = list(self._turns)
        self._numbers = {
            (rotor.host, rotor.rrtype): number for number, rotor in enumerate(table.rotors)
        }
        self._plans.clear()
        self._moved.clear()
        self.table = table
        self._names = table.names
        self._domains = table.snapshot.domains
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
            return self._beside_names(packet, slot, plan, name, end)
        entry = node.entries.get(packet[name_end:end])
        if entry is None:
            entry = _nodata(node, packet[name_end:end])
            if entry is None:
                return None
        if entry.rotor >= 0:
            turn = self._turns[entry.rotor]
            self._turns[entry.rotor] = turn + 1
            body = entry.bodies[turn % len(entry.bodies)]
        else:
            body = entry.bodies[0]
        reply = packet[:2] + entry.heads[plan.head] + packet[12:end] + body + plan.opt
        if len(reply) > plan.udp_limit:
            return self._large(reply, packet, slot, plan, entry, end)
        self._counts[entry.tally + slot] += 1
        return reply

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
        if edns is None or not edns.options:
            # Options may hold anything (a cookie is new for each client): not worth keeping.
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
        entry, apex_octets = found
        body = self._body(entry, len(name), apex_octets)
        opt = plan.refused_opt if entry is self.table.refused else plan.opt
        reply = packet[:2] + entry.heads[plan.head] + packet[12:end] + body + opt
        if len(reply) > plan.udp_limit:
            return self._large(reply, packet, slot, plan, entry, end)
        self._counts[entry.tally + slot] += 1
        return reply

    def _entry_beside_names(self, name: Name, type_and_class: bytes) -> tuple[Entry, int] | None:
        table = self.table
        if len(name) > MAX_NAME_OCTETS:
            return None
        offset = 0
        # The labels are walked: the first zero octet may have been inside of one, or the name a
        # pointer; neither then ends where the octets do.
        while offset < len(name) and name[offset] <= MAX_LABEL_OCTETS:
            apex = name[offset:]
            zone = table.zones.get(apex)
            if zone is not None:
                return (zone.nxdomain, len(apex)) if zone.nxdomain is not None else None
            profile = self._domains.get(apex)
            if profile is not None:
                branch = table.profiles[profile.name]
                node = branch.nodes.get(name[:offset])
                entry = (
                    branch.nxdomain
                    if node is None
                    else node.entries.get(type_and_class) or _nodata(node, type_and_class)
                )
                return (entry, len(apex)) if entry is not None else None
            if not name[offset]:
                return table.refused, len(apex)
            offset += 1 + name[offset]
        return None

    def _body(self, entry: Entry, name_octets: int, apex_octets: int) -> bytes:
        template = entry.template
        if template is None:  # pragma: no cover  (only zones' nodes have entries without one)
            raise AssertionError("an entry beside the zones has no template")
        key = (id(template), name_octets, apex_octets)
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
        self._counts[entry.tally + slot] += 1
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
        return self._leads + self._new_leads()

    def _new_leads(self) -> Counter[tuple[Name, bytes]]:
        leads: Counter[tuple[Name, bytes]] = Counter()
        for rotor, start, turn in zip(self._rotors, self._starts, self._turns, strict=True):
            count = len(rotor.leads)
            for index, address in enumerate(rotor.leads):
                # How many of start..turn-1 are `index` modulo `count`.
                served = (turn - index - 1) // count - (start - index - 1) // count
                if served:
                    leads[rotor.host, address] += served
        return leads


def _nodata(node: Node, type_and_class: bytes) -> Entry | None:
    if type_and_class[2:] != _IN or type_and_class[:2] in _SPECIAL:
        return None
    return node.nodata
