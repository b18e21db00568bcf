"""Zones and profiles: their SOA, name servers, MX and static records, as the model's contents."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rrdns.config.document import Broken
from rrdns.config.hostnames import check_hostname, from_value, prefix, to_ascii
from rrdns.config.records import RdataParser, RecordReader, Rrsets, refuse_signing
from rrdns.config.recordvalues import Apex, presentation
from rrdns.config.report import Place, Report
from rrdns.config.schema import ProfileModel, SoaModel, ZoneModel
from rrdns.config.targets import HostMaker
from rrdns.errors import Problem
from rrdns.model import Contents, Host, RRset, Soa
from rrdns.names import ROOT, Name, from_text, is_below
from rrdns.rrtypes import AAAA, MX, NS, SOA, A

_HOSTMASTER = b"\x0ahostmaster"


class FileRecords(Protocol):
    """One RRset of a zone file and the line of its first record."""

    @property
    def owner(self) -> Name: ...  # noqa: D102
    @property
    def rrset(self) -> RRset: ...  # noqa: D102
    @property
    def line(self) -> int: ...  # noqa: D102


ZoneFileParser = Callable[[str, str, Name, int], tuple[list[Any], list[Problem]]]


@dataclass(frozen=True)
class ZoneFile:
    """A zone file that was read: `shown` is how messages name it."""

    text: str
    shown: str


@dataclass(frozen=True)
class Made:
    """Contents and where each part came from, for lint."""

    path: tuple[str, ...]
    apex: Apex
    contents: Contents
    places: Mapping[tuple[bytes, int], Place]


@dataclass(frozen=True)
class ZoneMaker:
    """Makes zones and profiles; the parsers of RDATA and zone files come from the room `dns`."""

    report: Report
    hosts: HostMaker
    parse_rdata: RdataParser
    parse_zone_file: ZoneFileParser

    def zone(
        self, key: str, apex: Name, model: ZoneModel, file: ZoneFile | None, serial: int
    ) -> Made:
        """Make one zone."""
        path = ("zones", key)
        rrsets = Rrsets(self.report)
        here = self.report.at(*path)
        if self.report.at(*path, "nameservers") == here:
            message = "no nameservers: list those that the parent zone delegates to"
            self.report.warning(here, message)
        hosts = self.hosts.hosts((*path, "hosts"), apex, model.hosts)
        servers = self._zone_nameservers(path, apex, model, rrsets)
        self._records(path, apex, model, rrsets)
        if file is not None:
            self._file_records(apex, model, file, rrsets)
        rrsets.check(hosts)
        soa = self._soa(path, apex, model.soa, servers, model.ttl, serial)
        return Made(path, apex, Contents(soa, rrsets.sets, hosts), rrsets.places)

    def profile(self, key: str, model: ProfileModel, serial: int) -> Made:
        """Make one profile."""
        path = ("profiles", key)
        rrsets = Rrsets(self.report)
        servers: list[Name] = []
        for index, text in enumerate(model.nameservers):
            place = self.report.at(*path, "nameservers", index)
            name = self._hostname(place, text, None)
            if name is not None:
                self._once(place, servers, name)
        self._nameserver_set(path, model, servers, rrsets)
        rdatas = self._exchanges(path, model.mx)
        if rdatas:
            rrset = RRset(MX, model.ttl, tuple(rdatas))
            rrsets.add(b"", rrset, self.report.at(*path, "mx"))
        self._records(path, None, model, rrsets)
        no_hosts: Mapping[bytes, Host] = {}
        rrsets.check(no_hosts)
        soa = self._soa(path, None, model.soa, servers, model.ttl, serial)
        return Made(path, None, Contents(soa, rrsets.sets), rrsets.places)

    def _records(
        self, path: tuple[str, ...], apex: Apex, model: ZoneModel | ProfileModel, rrsets: Rrsets
    ) -> None:
        reader = RecordReader(self.report, self.parse_rdata)
        reader.read((*path, "records"), apex, model.records, model.ttl, rrsets)

    def _zone_nameservers(
        self, path: tuple[str, ...], apex: Name, model: ZoneModel, rrsets: Rrsets
    ) -> list[Name]:
        servers: list[Name] = []
        for key, addresses in model.nameservers.items():
            here = (*path, "nameservers", key)
            place = self.report.at_key(*here)
            name = self._hostname(place, key, apex)
            if name is None or not self._once(place, servers, name):
                continue
            if addresses and not is_below(name, apex):
                message = "is outside this zone, so its addresses belong to its own: write []"
                self.report.error(place, message)
                continue
            for rrtype, version in ((A, 4), (AAAA, 6)):
                parsed = [ipaddress.ip_address(address) for address in addresses]
                rdatas = tuple(dict.fromkeys(a.packed for a in parsed if a.version == version))
                if rdatas:
                    rrset = RRset(rrtype, model.ttl, rdatas)
                    rrsets.add(prefix(name, apex), rrset, self.report.at(*here))
        self._nameserver_set(path, model, servers, rrsets)
        return servers

    def _nameserver_set(
        self,
        path: tuple[str, ...],
        model: ZoneModel | ProfileModel,
        servers: list[Name],
        rrsets: Rrsets,
    ) -> None:
        place = self.report.at(*path, "nameservers")
        if servers:
            rrsets.add(b"", RRset(NS, model.ttl, tuple(servers)), place)

    def _hostname(self, place: Place, text: str, apex: Apex) -> Name | None:
        try:
            return check_hostname(from_value(text, apex))
        except ValueError as error:
            self.report.error(place, str(error))
            return None

    def _once(self, place: Place, names: list[Name], name: Name) -> bool:
        if name in names:
            self.report.error(place, "this name server stands twice: remove one")
            return False
        names.append(name)
        return True

    def _exchanges(self, path: tuple[str, ...], value: Any) -> list[bytes]:
        here = (*path, "mx")
        text = getattr(value, "text", None)
        if text == "none":
            return [b"\0\0" + ROOT]
        if not value or text == "":
            message = "mx is empty: list the MX hosts, or write none for domains without mail"
            self.report.error(self.report.at(*here), message)
            return []
        if not isinstance(value, list):
            value = [value]
        rdatas: list[bytes] = []
        for index, item in enumerate(value):
            if isinstance(item, Broken):
                continue
            place = self.report.at(*here, index)
            try:
                rdata = self.parse_rdata(MX, presentation("MX", item, None), ROOT)
            except ValueError as error:
                self.report.error(place, str(error))
                continue
            if rdata in rdatas:
                self.report.error(place, "this MX stands twice: remove one")
            else:
                rdatas.append(rdata)
        return rdatas

    def _file_records(self, apex: Name, model: ZoneModel, file: ZoneFile, rrsets: Rrsets) -> None:
        found, problems = self.parse_zone_file(file.text, file.shown, apex, model.ttl)
        self.report.problems.extend(problems)
        for item in found:
            place = Place(file.shown, item.line, 1)
            owner = prefix(item.owner, apex)
            if item.rrset.rrtype == SOA:
                self.report.error(place, "the SOA is made from soa: remove this record")
            elif item.rrset.rrtype == NS and not owner:
                message = "the NS of the apex are made from nameservers: remove this record"
                self.report.error(place, message)
            else:
                try:
                    refuse_signing(item.rrset.rrtype)
                except ValueError as error:
                    self.report.error(place, str(error))
                    continue
                rrsets.add(owner, item.rrset, place)

    def _soa(
        self,
        path: tuple[str, ...],
        apex: Apex,
        model: SoaModel,
        servers: list[Name],
        ttl_seconds: int,
        serial: int,
    ) -> Soa:
        mname = servers[0] if servers else apex or ROOT
        if model.mname is not None:
            given = self._hostname(self.report.at(*path, "soa", "mname"), model.mname, apex)
            mname = given or mname
        rname = _HOSTMASTER if apex is None else _HOSTMASTER + apex
        if model.rname is not None:
            try:
                rname = _mailbox(model.rname, apex)
            except ValueError as error:
                self.report.error(self.report.at(*path, "soa", "rname"), str(error))
        return Soa(
            mname=mname,
            rname=rname,
            rname_in_zone=apex is None and model.rname is None,
            serial=serial if model.serial is None else model.serial,
            refresh_seconds=model.refresh,
            retry_seconds=model.retry,
            expire_seconds=model.expire,
            minimum_seconds=model.minimum,
            ttl_seconds=ttl_seconds,
        )


def _mailbox(text: str, apex: Apex) -> Name:
    local, at, domain = text.rpartition("@")
    if not at:
        return from_value(text, apex)
    # A dot in the local part is quoted in the name (RFC 1035, section 8).
    escaped = local.replace("\\", "\\\\").replace(".", "\\.")
    return from_text(f"{escaped}.{to_ascii(domain).removesuffix('.')}.")
