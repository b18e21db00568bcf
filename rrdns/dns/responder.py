"""The specification: which bytes answer a packet, from a snapshot alone.

General and slow on purpose. The compiler remembers what this code says and every executor must
say the same, or nothing.
"""

from typing import Final

from rrdns.dns import lookup
from rrdns.dns.chaos import chaos
from rrdns.dns.lookup import Kind, Outcome, Rotation
from rrdns.dns.message import MAX_MESSAGE_OCTETS, Reply, encode_records, finish
from rrdns.dns.options import EDE_NOT_AUTHORITATIVE, Asker, Transport, reply_options
from rrdns.dns.query import OPCODE_QUERY, Query, limit_octets, scan
from rrdns.model import Snapshot
from rrdns.rrtypes import (
    AXFR,
    CLASS_CH,
    CLASS_IN,
    FORMERR,
    IXFR,
    MAILA,
    MAILB,
    NOERROR,
    NOTIMP,
    OPT,
    REFUSED,
    SERVFAIL,
    TKEY,
    TSIG,
)

_OPCODE_NOTIFY = 4
_OPCODE_UPDATE = 5
_BY_OPCODE = {_OPCODE_NOTIFY: REFUSED, _OPCODE_UPDATE: REFUSED}
# No data of these types can be asked for; the RCODEs are BIND's.
RCODE_BY_QTYPE: Final = {
    AXFR: REFUSED, IXFR: REFUSED, MAILA: NOTIMP, MAILB: NOTIMP,
    OPT: FORMERR, TKEY: FORMERR, TSIG: FORMERR,
}  # fmt: skip


def respond(packet: bytes, snapshot: Snapshot, asker: Asker, *, rotation: Rotation) -> bytes | None:
    """Return the reply to a packet, or None where the only right answer is silence."""
    query = scan(packet)
    return None if query is None else respond_to(query, snapshot, asker, rotation=rotation)


def respond_to(query: Query, snapshot: Snapshot, asker: Asker, *, rotation: Rotation) -> bytes:
    """Return the reply to a query that was scanned already."""
    reply = answer(query, snapshot, asker, rotation)
    limit = MAX_MESSAGE_OCTETS
    if asker.transport is Transport.UDP:
        limit = limit_octets(query.edns, snapshot.udp_payload, ipv6=asker.is_ipv6)
    options = b""
    if query.edns is not None and query.error is None:
        options = reply_options(query.edns, snapshot, asker, reply.ede)
    return finish(
        query,
        reply,
        encode_records(query, reply).wire,
        limit=limit,
        udp_payload=snapshot.udp_payload,
        options=options,
    )


def failure(query: Query, snapshot: Snapshot) -> bytes:
    """Return SERVFAIL, for a query that a fault of ours kept from its answer."""
    reply = Reply(SERVFAIL)
    return finish(
        query,
        reply,
        encode_records(query, reply).wire,
        limit=MAX_MESSAGE_OCTETS,
        udp_payload=snapshot.udp_payload,
        options=b"",
    )


def answer(query: Query, snapshot: Snapshot, asker: Asker, rotation: Rotation) -> Reply:
    """Return what to say to a query; checks stand in the order of the design's section 4."""
    if query.opcode != OPCODE_QUERY:
        return Reply(_BY_OPCODE.get(query.opcode, NOTIMP))
    if query.error is not None:
        return Reply(query.error)
    if not query.question:
        return Reply(NOERROR)
    if query.rrclass == CLASS_CH:
        return chaos(query.name, query.rrtype, snapshot, asker)
    if query.rrclass != CLASS_IN:
        return Reply(REFUSED)
    if query.rrtype in RCODE_BY_QTYPE:
        return Reply(RCODE_BY_QTYPE[query.rrtype])
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
