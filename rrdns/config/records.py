"""Gathers the RRsets of a zone or profile from all their sources, each set from one of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from rrdns.config.document import Broken, Tree
from rrdns.config.hostnames import from_key, prefix
from rrdns.config.recordvalues import Apex, presentation
from rrdns.config.report import Place, Report
from rrdns.config.schema import RecordModel
from rrdns.model import Host, RRset
from rrdns.names import ROOT, Name, Prefix, prefix_to_text, suffix_offsets
from rrdns.rrtypes import AAAA, CNAME, DNAME, NS, SOA, A, type_number, type_text

RdataParser = Callable[[int, str, Name], bytes]

_PROVIDERS_OWN = frozenset({"ALIAS", "ANAME", "URLFWD"})
# Made by signing, which is not built yet: RRSIG, NSEC, NSEC3, NSEC3PARAM.
_SIGNING = frozenset({46, 47, 50, 51})
_META = frozenset({0, 41, *range(128, 256)})
# What may stand beside a CNAME (RFC 4035, section 2.5, leaves only what signing makes).
_SINGLE = {CNAME: "CNAME", DNAME: "DNAME"}


@dataclass
class Rrsets:
    """The RRsets gathered so far, and where each came from."""

    report: Report
    sets: dict[Prefix, dict[int, RRset]] = field(default_factory=dict)
    places: dict[tuple[Prefix, int], Place] = field(default_factory=dict)

    def add(self, owner: Prefix, rrset: RRset, place: Place) -> None:
        """Add one RRset, unless another source has it."""
        first = self.places.setdefault((owner, rrset.rrtype), place)
        if first is not place:
            message = (
                f"{_shown(owner)} {type_text(rrset.rrtype)} stands already at {first}:"
                " keep one of the two"
            )
            self.report.error(place, message)
            return
        if rrset.rrtype in _SINGLE and len(rrset.rdatas) > 1:
            message = f"a name has at most one {_SINGLE[rrset.rrtype]}: keep one value"
            self.report.error(place, message)
        self.sets.setdefault(owner, {})[rrset.rrtype] = rrset

    def check(self, hosts: Mapping[Prefix, Host]) -> None:
        """Report names that have more than they can have: beside a host or beside a CNAME."""
        for (owner, rrtype), place in self.places.items():
            if owner in hosts and rrtype in (A, AAAA, CNAME):
                message = (
                    f"{_shown(owner)} is a host, whose addresses rrdns answers:"
                    f" remove this {type_text(rrtype)}"
                )
                self.report.error(place, message)
            elif rrtype == CNAME and (len(self.sets[owner]) > 1 or not owner):
                message = (
                    "the apex has SOA and NS, so it cannot have a CNAME: use A and AAAA"
                    if not owner
                    else f"{_shown(owner)} has other records, so it cannot have a CNAME, too"
                )
                self.report.error(place, message)
        self._check_redirections(hosts)

    def _check_redirections(self, hosts: Mapping[Prefix, Host]) -> None:
        """Report what a DNAME hides, and NS beside one (RFC 6672, sections 2.3 and 2.4)."""
        redirections = {owner for owner, rrtype in self.places if rrtype == DNAME}
        for (owner, rrtype), place in self.places.items():
            above = _nearest(redirections, owner)
            if above is not None:
                message = f"stands below the DNAME of {_shown(above)}, which hides it"
                self.report.error(place, f"{_shown(owner)} {type_text(rrtype)} {message}")
            elif rrtype == NS and owner and owner in redirections:
                message = f"{_shown(owner)} has a DNAME, so it cannot be delegated, too"
                self.report.error(place, message)
        for owner in hosts:
            above = _nearest(redirections, owner)
            if above is not None:
                message = f"this DNAME would hide the host {_shown(owner)}: remove one"
                self.report.error(self.places[above, DNAME], message)


def _nearest(redirections: set[Prefix], owner: Prefix) -> Prefix | None:
    """Return the first name above `owner` that is redirected."""
    above = [owner[offset:] for offset in suffix_offsets(owner + ROOT)][1:]
    return next((name for name in above if name in redirections), None)


def _shown(owner: Prefix) -> str:
    return prefix_to_text(owner) or "the apex"


@dataclass(frozen=True)
class RecordReader:
    """Reads `records` of zones and profiles; `parse_rdata` knows each type's RDATA."""

    report: Report
    parse_rdata: RdataParser

    def read(
        self,
        path: tuple[str, ...],
        apex: Apex,
        records: Mapping[str, list[RecordModel]],
        ttl_seconds: int,
        into: Rrsets,
    ) -> None:
        """Add all static records below `path`; `apex` is None in a profile."""
        for key, models in records.items():
            try:
                owner = _owner(key, apex)
            except ValueError as error:
                self.report.error(self.report.at_key(*path, key), str(error))
                continue
            for index, model in enumerate(models):
                here: tuple[str | int, ...] = (*path, key, index)
                rrset = self._rrset(here, owner, apex, model, ttl_seconds)
                if rrset is not None:
                    into.add(owner, rrset, self.report.at(*here))

    def _rrset(
        self,
        here: tuple[str | int, ...],
        owner: Prefix,
        apex: Apex,
        model: RecordModel,
        ttl_seconds: int,
    ) -> RRset | None:
        try:
            rrtype = _record_type(model.type, owner)
        except ValueError as error:
            self.report.error(self.report.at(*here, "type"), str(error))
            return None
        if (model.value is None) == (model.values is None):
            message = "needs value (one) or values (a list), and not both"
            self.report.error(self.report.at(*here), message)
            return None
        rdatas: list[bytes] = []
        for where, value in _values(here, model):
            if isinstance(value, Broken):
                continue
            try:
                text = presentation(type_text(rrtype), value, apex)
                rdata = self.parse_rdata(rrtype, text, ROOT if apex is None else apex)
            except ValueError as error:
                self.report.error(self.report.at(*where), str(error))
                continue
            if rdata in rdatas:
                self.report.error(self.report.at(*where), "this value stands twice: remove one")
            rdatas.append(rdata)
        if model.values == []:
            self.report.error(self.report.at(*here, "values"), "the list is empty: name a value")
        ttl = ttl_seconds if model.ttl is None else model.ttl
        return RRset(rrtype, ttl, tuple(rdatas)) if rdatas else None


def _values(
    here: tuple[str | int, ...], model: RecordModel
) -> Iterator[tuple[tuple[str | int, ...], Tree]]:
    if isinstance(model.values, list):
        for index, value in enumerate(model.values):
            yield (*here, "values", index), value
    else:
        key = "value" if model.values is None else "values"
        yield (*here, key), getattr(model, key)


def _owner(key: str, apex: Apex) -> Prefix:
    if apex is not None:
        return prefix(from_key(key, apex), apex)
    if key.endswith("."):
        raise ValueError("in a profile, keys are relative to each domain: remove the final dot")
    return prefix(from_key(key, ROOT), ROOT)


def _record_type(text: str, owner: Prefix) -> int:
    if text.upper() in _PROVIDERS_OWN or "/" in text:
        raise ValueError(f"{text} is a special of some providers, not a DNS type: use A and AAAA")
    rrtype = type_number(text)
    if rrtype == SOA:
        raise ValueError("the SOA is made from soa: remove this record")
    if rrtype == NS and not owner:
        raise ValueError("the NS of the apex are made from nameservers: remove this record")
    if rrtype in _META:
        raise ValueError(f"{text} is no type of data, only of questions and messages")
    refuse_signing(rrtype)
    return rrtype


def refuse_signing(rrtype: int) -> None:
    """Raise ValueError for a type whose records are made by signing a zone."""
    if rrtype in _SIGNING:
        raise ValueError(f"{type_text(rrtype)} is not supported yet: it is made by signing")
