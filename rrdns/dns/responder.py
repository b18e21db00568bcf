"""The specification: which bytes answer a packet, from a snapshot alone.

General and slow on purpose. The compiler remembers what this code says and every executor must
say the same, or nothing.
"""

from enum import StrEnum

from rrdns.dns import lookup
from rrdns.dns.lookup import Kind, Outcome, Rotation
from rrdns.dns.message import (
    EDE_NOT_AUTHORITATIVE,
    MAX_MESSAGE_OCTETS,
    Reply,
    encode_records,
    finish,
)
from rrdns.dns.query import OPCODE_QUERY, Query, limit_octets, scan
from rrdns.model import Snapshot
from rrdns.rrtypes import (
    AXFR,
    CLASS_IN,
    FORMERR,
    IXFR,
    MAILA,
    MAILB,
    NOTIMP,
    OPT,
    REFUSED,
    TKEY,
    TSIG,
)

_OPCODE_NOTIFY = 4
_OPCODE_UPDATE = 5
_BY_OPCODE = {_OPCODE_NOTIFY: REFUSED, _OPCODE_UPDATE: REFUSED}
# No data of these types can be asked for; the RCODEs are BIND's.
_BY_TYPE = {
    AXFR: REFUSED, IXFR: REFUSED, MAILA: NOTIMP, MAILB: NOTIMP,
    OPT: FORMERR, TKEY: FORMERR, TSIG: FORMERR,
}  # fmt: skip


class Transport(StrEnum):
    """What a query came over; only UDP limits the size of its reply."""

    UDP = "udp"
    TCP = "tcp"


def respond(
    packet: bytes, snapshot: Snapshot, *, transport: Transport, rotation: Rotation
) -> bytes | None:
    """Return the reply to a packet, or None where the only right answer is silence."""
    query = scan(packet)
    if query is None:
        return None
    return respond_to(query, snapshot, transport=transport, rotation=rotation)


def respond_to(
    query: Query, snapshot: Snapshot, *, transport: Transport, rotation: Rotation
) -> bytes:
    """Return the reply to a query that was scanned already."""
    reply = answer(query, snapshot, rotation)
    limit = MAX_MESSAGE_OCTETS
    if transport is Transport.UDP:
        limit = limit_octets(query.edns, snapshot.udp_payload)
    return finish(
        query,
        reply,
        encode_records(query, reply).wire,
        limit=limit,
        udp_payload=snapshot.udp_payload,
    )


def answer(query: Query, snapshot: Snapshot, rotation: Rotation) -> Reply:
    """Return what to say to a query; checks stand in the order of the design's section 4."""
    if query.opcode != OPCODE_QUERY:
        return Reply(_BY_OPCODE.get(query.opcode, NOTIMP))
    if query.error is not None:
        return Reply(query.error)
    if query.rrclass != CLASS_IN:
        return Reply(REFUSED)
    if query.rrtype in _BY_TYPE:
        return Reply(_BY_TYPE[query.rrtype])
    return _from_outcome(lookup.lookup(snapshot, query.name, query.rrtype, rotation))


def _from_outcome(outcome: Outcome) -> Reply:
    if outcome.kind is Kind.REFUSED:
        return Reply(REFUSED, ede=EDE_NOT_AUTHORITATIVE)
    return Reply(
        outcome.kind.rcode,
        # AA speaks of the first owner name: a chain that ends in a referral keeps it.
        outcome.kind is not Kind.REFERRAL or bool(outcome.answer),
        outcome.answer,
        outcome.authority,
        outcome.additional,
    )
