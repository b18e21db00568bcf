"""The pure-Python executor: a packet and a table to a reply, or a miss.

This is the hot path. It parses nothing that it can look up: the QNAME is found by the end of its
bytes, what stands around the question (flags, counts, OPT) is recognised whole. A packet that came
before, but for its ID, is recognised as a whole. What it does not know exactly it leaves to the
responder, whose bytes it must equal.
"""

from collections import Counter
from collections.abc import Mapping

from rrdns.dns.options import Transport
from rrdns.dns.query import HEADER_OCTETS
from rrdns.names import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, ROOT, Name, Prefix, suffix_offsets
from rrdns.rrtypes import CLASS_IN, DS
from rrdns.table.plan import Plan, Planner
from rrdns.table.rotation import Rotation
from rrdns.table.table import SLOTS, TALLY_KEYS, Absence, Branch, Entry, Node, Table, Template

_MAX_MOVED = 4096
_MAX_KEPT = 8192
_MAX_KEPT_OCTETS = 2048
_IN = CLASS_IN.to_bytes(2, "big")
# QTYPEs that mean something else than "the records of this type".
_SPECIAL = frozenset(number.to_bytes(2, "big") for number in (0, 41, DS, *range(128, 256)))
_NOBODY = bytes(4)
_Kept = tuple[tuple[bytes, ...], int, int]


class PythonExecutor:
    """Executes the newest table; owns the rotation and the counts of one thread.

    A slot numbers the protocol and family of a client, as in `table.SLOTS`. Rotations begin at
    step `stagger`, so that several executors do not all begin with the same address.
    """

    def __init__(self, table: Table, stagger: int = 0) -> None:
        self.truncated = 0
        self._stagger = stagger
        self._counts = [0] * (len(TALLY_KEYS) * len(SLOTS))
        self._rotation = Rotation.none()
        self._planners = tuple(Planner(Transport(proto), table.snapshot) for proto, _ in SLOTS)
        self._plans = tuple(planner.common for planner in self._planners)
        # What follows the ID in the replies to a packet without its ID, by slot: the variants, the
        # number of their rotor, the place of their counters.
        self._known: tuple[dict[bytes, _Kept], ...] = tuple({} for _ in SLOTS)
        self._moved: dict[int, bytes] = {}
        self.adopt(table)

    # --- tables and time ----------------------------------------------------------------------

    def adopt(self, table: Table) -> None:
        """Execute `table` from now on; rotation goes on where it was."""
        # One assignment: other threads read it for the metrics.
        self._rotation = self._rotation.followed_by(table.rotors, self._stagger)
        self._turns = self._rotation.turns
        for planner in self._planners:
            planner.adopt(table.snapshot)
        self._moved.clear()
        for known in self._known:
            known.clear()
        self.table = table
        self._names = table.names
        self._domains = table.snapshot.domains
        self._apexes = {name: branch.nodes[b""] for name, branch in table.profiles.items()}

    def set_time(self, unix_now: float) -> None:
        """Make cookies of this time (unix seconds) from now on."""
        for planner in self._planners:
            planner.set_time(unix_now)

    def allow_plans(self, count: int) -> None:
        """Plan for at most so many queries with new options (cookies) until this is set anew.

        It takes as long as a miss; what is over it is one.
        """
        for planner in self._planners:
            planner.allowance = count

    @property
    def cookie_time(self) -> int:
        """The time that goes into cookies, in unix seconds."""
        return self._planners[0].unix_now

    # --- answering ----------------------------------------------------------------------------

    def execute(self, packet: bytes, slot: int, client: bytes = _NOBODY) -> bytes | None:
        """Return the reply to a packet from a packed address, or None for a miss."""
        known = self._known[slot].get(packet[2:])
        if known is not None:
            tails, rotor, counter = known
            if rotor < 0:
                tail = tails[0]
            else:
                turn = self._turns[rotor]
                self._turns[rotor] = turn + 1
                tail = tails[turn % len(tails)]
            self._counts[counter + slot] += 1
            return packet[:2] + tail
        name_end = packet.find(0, HEADER_OCTETS) + 1
        end = name_end + 4
        plan = self._plans[slot].get(packet[2:HEADER_OCTETS] + packet[end:])
        is_common = plan is not None
        if plan is None:
            plan = self._planners[slot].make(packet, end, client)
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
        if len(reply) > plan.limit:
            return self._large(packet, slot, plan, entry, end)
        if is_common and packet[HEADER_OCTETS:name_end] == name:
            self._keep(packet, slot, plan, entry, body, end)
        self._counts[entry.tally + slot] += 1
        return reply

    def _keep(
        self, packet: bytes, slot: int, plan: Plan, entry: Entry, body: bytes, end: int
    ) -> None:
        """Keep whole replies for a packet that may come again, with another ID.

        Only where the name is lowercase, so that resolvers that mix cases do not crowd out others.
        """
        bodies = entry.bodies if entry.rotor >= 0 else (body,)
        if len(bodies) * len(body) > _MAX_KEPT_OCTETS:
            return
        known = self._known[slot]
        if len(known) >= _MAX_KEPT:
            known.clear()
        start = entry.heads[plan.head] + packet[HEADER_OCTETS:end]
        tails = tuple(start + variant + plan.opt for variant in bodies)
        known[packet[2:]] = (tails, entry.rotor, entry.tally)

    def _no_data(
        self, packet: bytes, slot: int, plan: Plan, node: Node, name: Name, end: int
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

    def _beside_names(
        self, packet: bytes, slot: int, plan: Plan, name: Name, end: int
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
        self, packet: bytes, slot: int, plan: Plan, entry: Entry, body: bytes, end: int
    ) -> bytes | None:
        """Put a reply together that may be one for several QTYPEs, and count it by the query's."""
        opt = self._opt(plan, entry)
        reply = packet[:2] + entry.heads[plan.head] + packet[12:end] + body + opt
        if len(reply) > plan.limit:
            return self._large(packet, slot, plan, entry, end)
        self._counts[entry.tally_of(packet[end - 4 : end - 2]) + slot] += 1
        return reply

    def _entry_beside_names(
        self, name: Name, type_and_class: bytes
    ) -> tuple[Entry, Template, int] | None:
        table = self.table
        if len(name) > MAX_NAME_OCTETS:
            return None
        ancestors = table.snapshot.apex_ancestors
        if ancestors and name in ancestors:
            return None
        # The name itself is no apex: those have been looked for. Its labels are walked: the first
        # zero octet may have been inside of one, or the name a pointer; neither then ends where
        # the octets do.
        offset, octets = 0, len(name)
        while offset < octets and (length := name[offset]) <= MAX_LABEL_OCTETS:
            entry: Entry | None = None
            if length:
                offset += 1 + length
                apex = name[offset:]
                if ancestors and apex in ancestors:
                    return None
                if (absence := table.zones.get(apex)) is not None:
                    entry = _absent(absence, name[:offset], type_and_class)
                elif (profile := self._domains.get(apex)) is not None:
                    entry = _in_branch(table.profiles[profile.name], name[:offset], type_and_class)
                else:
                    continue
            else:
                entry = table.refused
            if entry is None or entry.template is None:
                return None
            return entry, entry.template, octets - offset
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

    def _opt(self, plan: Plan, entry: Entry) -> bytes:
        return plan.refused_opt if entry is self.table.refused else plan.opt

    def _large(self, packet: bytes, slot: int, plan: Plan, entry: Entry, end: int) -> bytes | None:
        """Empty a reply that is too large for its transport, with TC."""
        opt = self._opt(plan, entry)
        head = entry.heads[plan.head]
        flags = bytes([head[0] | 0x02, head[1]])
        counts = head[2:4] + bytes(4) + (b"\0\1" if opt else b"\0\0")
        self.truncated += 1
        self._counts[entry.tally_of(packet[end - 4 : end - 2]) + slot] += 1
        return packet[:2] + flags + counts + packet[12:end] + opt

    def turn(self, host: Name, rrtype: int) -> int:
        """Return and advance the rotation of a host, for the responder's answers."""
        return self._rotation.turn(host, rrtype)

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
        return _absent(branch.absence, prefix, type_and_class)
    return node.entries.get(type_and_class) or _nodata(node, type_and_class)


def _absent(absence: Absence, prefix: Prefix, type_and_class: bytes) -> Entry | None:
    """Find what answers for a name that does not exist (RFC 4592, section 3.3.1)."""
    if not absence.wildcards and not absence.cuts:
        return absence.nxdomain
    encloser, found = b"", False
    for offset in suffix_offsets(prefix + ROOT):
        ancestor = prefix[offset:]
        if ancestor in absence.cuts:
            return None
        if not found and ancestor in absence.prefixes:
            encloser, found = ancestor, True
    if encloser not in absence.wildcards:
        return absence.nxdomain
    node = absence.wildcards[encloser]
    if node is None:
        return None
    return node.entries.get(type_and_class) or _nodata(node, type_and_class)


def _nodata(node: Node, type_and_class: bytes) -> Entry | None:
    if type_and_class[2:] != _IN or type_and_class[:2] in _SPECIAL:
        return None
    return node.nodata
