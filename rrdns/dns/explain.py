"""Why a query gets the answer it gets: the lookup's outcome in an operator's words."""

import ipaddress
from dataclasses import dataclass
from typing import Any

from rrdns.dns.lookup import Kind, Outcome, find_place, lookup
from rrdns.dns.message import Record
from rrdns.dns.responder import RCODE_BY_QTYPE
from rrdns.dns.zonefile import rdata_text
from rrdns.model import Choice, Selection, Snapshot
from rrdns.names import Name, to_text
from rrdns.rrtypes import RCODE_MNEMONICS, type_text
from rrdns.targets import Family


@dataclass(frozen=True, slots=True)
class AddressReason:
    """One address of a host, or of the `fallback` that was asked: whether it is answered, and why.

    `fallback` is None for the host's own.
    """

    node: str
    role: str
    address: str
    answered: bool
    why: str
    weight: int
    tier: int
    fallback: str | None


@dataclass(frozen=True, slots=True)
class HostReason:
    """How a host came to its addresses in one family.

    `by_fallback`: those of its fallback are answered. `max_answers` is the most in one answer.
    """

    host: str
    family: Family
    policy: str
    max_answers: int
    failopen: bool
    degraded: bool
    by_fallback: bool
    addresses: tuple[AddressReason, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to one name and type, and where it comes from.

    `zone` is the apex that answers, `profile` the one that its domain has; both None outside of
    all zones. `kind` is None for a QTYPE that no zone is looked at for. `answer` and `authority`
    are records in presentation format, owner to RDATA.
    """

    name: str
    rrtype: str
    rcode: str
    kind: Kind | None
    zone: str | None
    profile: str | None
    answer: tuple[str, ...]
    authority: tuple[str, ...]
    host: HostReason | None

    def lines(self) -> list[str]:
        """Return the explanation for people, a line each."""
        said = [f"{self.name} {self.rrtype}: {self.rcode}, {_KIND_TEXT[self.kind]}"]
        if self.zone is not None:
            owner = f"profile {self.profile}" if self.profile is not None else "a zone of our own"
            said.append(f"zone: {self.zone} ({owner})")
        if self.host is not None:
            said += _host_lines(self.host)
        for title, records in (("answer", self.answer), ("authority", self.authority)):
            if records:
                said.append(f"{title}:")
                said += [f"  {record}" for record in records]
        return said

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as JSON takes it."""
        host = self.host
        return {
            "name": self.name,
            "type": self.rrtype,
            "rcode": self.rcode,
            "outcome": None if self.kind is None else str(self.kind),
            "zone": self.zone,
            "profile": self.profile,
            "answer": list(self.answer),
            "authority": list(self.authority),
            "host": None if host is None else _host_dict(host),
        }


_KIND_TEXT = {
    None: "no type that can be asked for here",
    Kind.ANSWER: "an answer",
    Kind.NODATA: "the name is there, but has no record of this type (NODATA)",
    Kind.NXDOMAIN: "no such name in the zone",
    Kind.YXDOMAIN: "a DNAME redirects the name to one that is too long",
    Kind.REFERRAL: "the name is delegated to other servers",
    Kind.REFUSED: "outside of all zones of this server",
}


def explain(snapshot: Snapshot, name: Name, rrtype: int) -> Explanation:
    """Return the answer that a query for `name` and `rrtype` would get, with its reasons.

    Shows the first order of a rotation.
    """
    if rrtype in RCODE_BY_QTYPE:
        rcode = RCODE_MNEMONICS[RCODE_BY_QTYPE[rrtype]]
        return Explanation(to_text(name), type_text(rrtype), rcode, None, None, None, (), (), None)
    outcome = lookup(snapshot, name, rrtype, lambda _host, _rrtype: 0)
    place = find_place(snapshot, name, rrtype)
    profile = None
    if place is not None and place.apex not in snapshot.zones:
        profile = snapshot.domains[place.apex].name
    return Explanation(
        name=to_text(name),
        rrtype=type_text(rrtype),
        rcode=RCODE_MNEMONICS[outcome.kind.rcode],
        kind=outcome.kind,
        zone=None if place is None else to_text(place.apex),
        profile=profile,
        answer=tuple(map(_record_text, outcome.answer)),
        authority=tuple(map(_record_text, outcome.authority)),
        host=_host_reason(snapshot, name, rrtype, outcome),
    )


def _record_text(record: Record) -> str:
    data = rdata_text(record.rrtype, record.rdata)
    return f"{to_text(record.owner)} {record.ttl_seconds} IN {type_text(record.rrtype)} {data}"


def _host_reason(
    snapshot: Snapshot, name: Name, rrtype: int, outcome: Outcome
) -> HostReason | None:
    if outcome.host is not None:
        name, rrtype = outcome.host.name, outcome.answer[-1].rrtype
    found = snapshot.answers.get((name, rrtype))
    return None if found is None else _reason(found.selection)


def _reason(selection: Selection) -> HostReason:
    host = selection.host
    fallback = None if host.fallback is None else to_text(host.fallback)
    return HostReason(
        to_text(host.name),
        selection.family,
        host.policy,
        host.max_answers,
        selection.failopen,
        selection.degraded,
        selection.by_fallback,
        (
            *(_address(choice, None) for choice in selection.choices),
            *(_address(choice, fallback) for choice in selection.stand_ins),
        ),
    )


def _address(choice: Choice, fallback: str | None) -> AddressReason:
    member = choice.member
    return AddressReason(
        member.node,
        member.role,
        str(ipaddress.ip_address(member.target.address)),
        choice.selected,
        choice.why,
        member.weight,
        member.tier,
        fallback,
    )


def _host_lines(host: HostReason) -> list[str]:
    answered = sum(entry.answered for entry in host.addresses)
    notes = [host.policy]
    notes += [f"{host.max_answers} of {answered} a reply"] if host.max_answers < answered else []
    notes += ["fail open: too few are healthy"] if host.failopen else []
    notes += ["degraded: none is healthy"] if host.degraded else []
    notes += ["by fallback"] if host.by_fallback else []
    lines = [f"host: {host.host} {host.family} ({', '.join(notes)})"]
    has_tiers = len({entry.tier for entry in host.addresses}) > 1
    fallback = None
    for entry in host.addresses:
        if entry.fallback != fallback:
            fallback = entry.fallback
            lines.append(f"  fallback: {fallback}")
        mark = "in " if entry.answered else "out"
        whose = f"{entry.node}/{entry.role}"
        whose += f", tier {entry.tier}" if has_tiers else ""
        whose += f", weight {entry.weight}" if host.policy == "weighted" else ""
        lines.append(f"  {mark} {entry.address}  {whose}: {entry.why}")
    return lines


def _host_dict(host: HostReason) -> dict[str, Any]:
    return {
        "host": host.host,
        "family": str(host.family),
        "policy": host.policy,
        "max_answers": host.max_answers,
        "failopen": host.failopen,
        "degraded": host.degraded,
        "by_fallback": host.by_fallback,
        "addresses": [
            {
                "node": entry.node,
                "role": entry.role,
                "address": entry.address,
                "answered": entry.answered,
                "why": entry.why,
                "weight": entry.weight,
                "tier": entry.tier,
                "fallback": entry.fallback,
            }
            for entry in host.addresses
        ],
    }
