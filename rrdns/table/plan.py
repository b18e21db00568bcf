"""What stands around a question: flags, counts and OPT, recognised whole and kept.

Few kinds of it are in use, so that parsing each once is enough. Queries with options (a cookie is
new for each client) are kept for their client, and only as long as their cookies stay the same. To
plan for one takes as long as a miss, so only so many are planned at once; the rest are misses.
"""

from dataclasses import dataclass
from typing import TypeVar

from rrdns.dns.message import MAX_MESSAGE_OCTETS, opt_record
from rrdns.dns.options import (
    EDE_NOT_AUTHORITATIVE,
    Asker,
    Transport,
    cookie_time,
    extended_error,
    reply_options,
)
from rrdns.dns.query import HEADER_OCTETS, Edns, limit_octets, scan
from rrdns.model import Snapshot

_MAX_PLANS = 8192
_MAX_TAIL_OCTETS = 64
_PLAIN_OPT_OCTETS = 11
_UNBOUNDED = 1 << 62

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer: `head` indexes `Entry.heads`, `limit` is the largest reply in octets."""

    head: int
    opt: bytes
    refused_opt: bytes
    limit: int


class Planner:
    """Makes and keeps the plans of one transport and address family.

    `common` has those of queries without options, by the octets before and after the question;
    the hot path looks there itself. `allowance` is the number of queries with options that may be
    planned for, until it is set anew; at first there is no bound.
    """

    def __init__(self, transport: Transport, snapshot: Snapshot) -> None:
        self.common: dict[bytes, Plan] = {}
        self.unix_now = 0
        self.allowance = _UNBOUNDED
        self._transport = transport
        self._snapshot = snapshot
        self._personal: dict[tuple[bytes, bytes], Plan] = {}

    def adopt(self, snapshot: Snapshot) -> None:
        """Plan for another snapshot from now on."""
        self._snapshot = snapshot
        self.common.clear()
        self._personal.clear()

    def set_time(self, unix_now: float) -> None:
        """Make cookies of this time (unix seconds) from now on."""
        if cookie_time(unix_now) != self.unix_now:
            self.unix_now = cookie_time(unix_now)
            self._personal.clear()

    def make(self, packet: bytes, end: int, client: bytes) -> Plan | None:
        """Return the plan for a query whose question ends at `end`, None for a miss."""
        around = packet[2:HEADER_OCTETS] + packet[end:]
        plan = self._personal.get((around, client))
        if plan is not None:
            return plan
        if len(packet) - end > _PLAIN_OPT_OCTETS:
            if self.allowance <= 0:
                return None
            self.allowance -= 1
        query = scan(packet)
        if query is None or query.opcode or query.error is not None:
            return None
        if len(query.question) != end - HEADER_OCTETS:
            return None
        plan = self._plan(query.edns, client, query.recursion_desired)
        if len(packet) - end <= _MAX_TAIL_OCTETS:
            # Anything may follow a question: long tails are not worth keeping.
            if query.edns is None or not query.edns.options:
                _keep(self.common, around, plan)
            else:
                _keep(self._personal, (around, client), plan)
        return plan

    def _plan(self, edns: Edns | None, client: bytes, recursion_desired: bool) -> Plan:
        head = int(recursion_desired) + 2 * int(edns is not None)
        snapshot = self._snapshot
        asker = Asker(self._transport, client, self.unix_now)
        limit = MAX_MESSAGE_OCTETS
        if self._transport is Transport.UDP:
            limit = limit_octets(edns, snapshot.udp_payload, ipv6=asker.is_ipv6)
        if edns is None:
            return Plan(head, b"", b"", limit)
        options = reply_options(edns, snapshot, asker)
        opt, refused_opt = (
            opt_record(snapshot.udp_payload, dnssec_ok=edns.dnssec_ok, options=options + more)
            for more in (b"", extended_error(EDE_NOT_AUTHORITATIVE))
        )
        return Plan(head, opt, refused_opt, limit)


def _keep(plans: dict[Key, Plan], key: Key, plan: Plan) -> None:
    if len(plans) >= _MAX_PLANS:
        plans.clear()
    plans[key] = plan
