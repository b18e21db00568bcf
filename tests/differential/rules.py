"""The differences that remain, each a rule with a name under which docs/conformance.md explains it.

A rule turns what the other server said into what rrdns should say instead, or returns None where
it does not apply. It is as narrow as the difference.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import dns.name

from differential.questions import Question
from differential.replies import AAAA, CNAME, DNAME, NS, A, Said, Section, name_of
from differential.servers import ZONES

_NXDOMAIN = 3
_YXDOMAIN = 6
_EDE = 15
_APEXES = frozenset(dns.name.from_text(zone.apex) for zone in ZONES)
_NOTHING: Section = frozenset()

Adjust = Callable[[Question, Said, Said], Said | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One known difference from some servers."""

    name: str
    servers: frozenset[str]
    adjust: Adjust


def _without_records(said: Said) -> Said:
    return replace(said, answer=_NOTHING, authority=_NOTHING, additional=_NOTHING)


def _truncated(_: Question, ours: Said, theirs: Said) -> Said | None:
    return _without_records(theirs) if {"TC"} <= ours.flags & theirs.flags else None


def _incomplete_glue(question: Question, ours: Said, theirs: Said) -> Said | None:
    if question.tcp or "TC" not in ours.flags or {"AA", "TC"} & theirs.flags:
        return None
    servers = {line.rdata for line in theirs.authority if line.rrtype == NS}
    told = {(line.owner, line.rrtype) for line in theirs.additional}
    lacking = {(server, rrtype) for server in servers for rrtype in (A, AAAA)} - told
    return replace(_without_records(theirs), flags=theirs.flags | {"TC"}) if lacking else None


def _any(question: Question, ours: Said, theirs: Said) -> Said | None:
    ends = {(line.owner, line.rrtype) for line in ours.answer if line.rrtype not in (CNAME, DNAME)}
    if question.qtype != "ANY" or len(ends) != 1 or not theirs.answer:
        return None
    return replace(theirs, answer=ours.answer)


def _additional(_: Question, ours: Said, theirs: Said) -> Said | None:
    refers = any(line.rrtype == NS for line in theirs.authority)
    if refers or ours.additional or not theirs.answer:
        return None
    return replace(theirs, additional=_NOTHING)


def _other_zone(question: Question, ours: Said, theirs: Said) -> Said | None:
    crosses = any(
        line.rrtype == CNAME and _zone(line.owner, "CNAME") != _zone(line.rdata, question.qtype)
        for line in ours.answer
    )
    return ours if crosses and theirs.answer <= ours.answer else None


def _zone(wire: bytes, qtype: str) -> dns.name.Name | None:
    name = name_of(wire)
    if qtype == "DS" and name in _APEXES:
        name = name.parent()
    while name not in _APEXES:
        if name == dns.name.root:
            return None
        name = name.parent()
    return name


def _undelegated_child(question: Question, ours: Said, theirs: Said) -> Said | None:
    apex = dns.name.from_text(question.qname) in _APEXES
    if question.qtype != "DS" or not apex or theirs.rcode != _NXDOMAIN:
        return None
    return replace(theirs, rcode=ours.rcode)


def _above_an_apex(question: Question, ours: Said, theirs: Said) -> Said | None:
    name = dns.name.from_text(question.qname)
    if theirs.rcode != _NXDOMAIN or ours.answer or name in _APEXES:
        return None
    above = any(apex.is_subdomain(name) for apex in _APEXES)
    return replace(theirs, rcode=ours.rcode) if above else None


def _too_long(_: Question, ours: Said, theirs: Said) -> Said | None:
    if ours.rcode != _YXDOMAIN or theirs.rcode != _NXDOMAIN or ours.answer != theirs.answer:
        return None
    return replace(theirs, rcode=ours.rcode, authority=_NOTHING)


def _extended_error(_: Question, ours: Said, theirs: Said) -> Said | None:
    more = set(theirs.options) - set(ours.options)
    return replace(theirs, options=ours.options) if more == {_EDE} else None


_BOTH = frozenset({"nsd", "knot"})
_KNOT = frozenset({"knot"})
RULES = (
    Rule("empty when truncated", _BOTH, _truncated),
    Rule("all glue or TC", frozenset({"nsd"}), _incomplete_glue),
    Rule("one RRset for ANY", _BOTH, _any),
    Rule("no additional records beside an answer", _BOTH, _additional),
    Rule("aliases are followed into all our zones", _KNOT, _other_zone),
    Rule("the apex of a child zone exists", _KNOT, _undelegated_child),
    Rule("names above our zones exist", _KNOT, _above_an_apex),
    Rule("YXDOMAIN for too long a name", _KNOT, _too_long),
    Rule("no extended error but Not Authoritative", frozenset({"nsd"}), _extended_error),
)
