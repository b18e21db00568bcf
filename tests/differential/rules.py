"""The differences that remain, each a rule with a name under which docs/conformance.md explains it.

A rule turns what the other server said into what rrdns should say instead, or returns None where
it does not apply. It is as narrow as the difference.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import dns.name
import dns.rdatatype

from differential.questions import Question
from differential.replies import Said, Section
from differential.servers import ZONES

_NXDOMAIN = 3
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
    servers = {
        rdata.to_text().lower() for _, _, rrtype, rdata in theirs.authority if rrtype == "NS"
    }
    told = {(owner, rrtype) for owner, _, rrtype, _ in theirs.additional}
    lacking = {(server, rrtype) for server in servers for rrtype in ("A", "AAAA")} - told
    return replace(_without_records(theirs), flags=theirs.flags | {"TC"}) if lacking else None


def _any(question: Question, ours: Said, theirs: Said) -> Said | None:
    sets = {(owner, rrtype) for owner, _, rrtype, _ in ours.answer}
    if question.qtype != "ANY" or len(sets) != 1 or not theirs.answer:
        return None
    return replace(theirs, answer=ours.answer)


def _additional(_: Question, ours: Said, theirs: Said) -> Said | None:
    refers = any(rrtype == "NS" for _, _, rrtype, _ in theirs.authority)
    if refers or ours.additional or not theirs.answer:
        return None
    return replace(theirs, additional=_NOTHING)


def _other_zone(question: Question, ours: Said, theirs: Said) -> Said | None:
    crosses = any(
        rrtype == "CNAME" and _zone(owner, "CNAME") != _zone(rdata.to_text(), question.qtype)
        for owner, _, rrtype, rdata in ours.answer
    )
    return ours if crosses and theirs.answer <= ours.answer else None


def _zone(text: str, qtype: str) -> dns.name.Name | None:
    name = dns.name.from_text(text)
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


_BOTH = frozenset({"nsd", "knot"})
RULES = (
    Rule("empty when truncated", _BOTH, _truncated),
    Rule("all glue or TC", frozenset({"nsd"}), _incomplete_glue),
    Rule("one RRset for ANY", _BOTH, _any),
    Rule("no additional records beside an answer", _BOTH, _additional),
    Rule("aliases are followed into all our zones", frozenset({"knot"}), _other_zone),
    Rule("the apex of a child zone exists", frozenset({"knot"}), _undelegated_child),
)
