"""A checked configuration and the files it names, to the model's Config."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from rrdns.config.check import Checked
from rrdns.config.domains import count_lines
from rrdns.config.domainset import DomainSet
from rrdns.config.hostnames import absolute, check_hostname
from rrdns.config.lint import World, lint
from rrdns.config.records import RdataParser
from rrdns.config.report import Report
from rrdns.config.scalars import is_word, shown
from rrdns.config.schema import RootModel, ZoneModel
from rrdns.config.secrets import read_secrets
from rrdns.config.servernames import name_targets
from rrdns.config.sources import SourceFile
from rrdns.config.targets import HostMaker, Targets
from rrdns.config.zones import Made, ZoneFile, ZoneFileParser, ZoneMaker
from rrdns.errors import Problem
from rrdns.model import Profile, Zone
from rrdns.names import ROOT, Name, suffix_offsets, to_text
from rrdns.settings import Config, Limits, ServerSettings


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a configuration is resolved with, besides its own text.

    `path` is the configuration's absolute path; `files` maps what the configuration calls a file
    to its contents; `mtime` is the configuration's own, in unix seconds.
    """

    path: str
    sha256: str
    mtime: float
    files: Mapping[str, SourceFile]
    parse_rdata: RdataParser
    parse_zone_file: ZoneFileParser


@dataclass(frozen=True, slots=True)
class Resolved:
    """The outcome: `config` is None if `problems` has an error.

    `bad_lines` are the errors of domain files' lines, which a tolerant caller may overlook:
    `lenient` is the configuration without those lines, None if there are other errors.
    """

    lenient: Config | None
    problems: tuple[Problem, ...]
    bad_lines: tuple[Problem, ...]

    @property
    def config(self) -> Config | None:
        """The configuration, if nothing at all is wrong with it."""
        return None if self.bad_lines else self.lenient


def referenced_files(root: RootModel) -> list[str]:
    """Return the files that a configuration names, as it writes them, each once."""
    found = [zone.file for zone in root.zones.values()]
    found += [entry.file for entry in root.domains]
    found.append(root.server.cookie_secrets)
    return list(dict.fromkeys(file for file in found if file is not None))


def resolve(checked: Checked, inputs: Inputs) -> Resolved:
    """Check what the parts of a configuration mean together, and make the Config."""
    root = checked.root
    report = Report(checked.document, checked.unsure)
    report.problems.extend(checked.problems)
    targets = Targets(report, root.health)
    nodes = targets.nodes(root.nodes)
    hosts = HostMaker(report, targets, nodes)
    maker = ZoneMaker(report, hosts, inputs.parse_rdata, inputs.parse_zone_file)
    zones = _zones(report, maker, root, inputs)
    hosts.fallbacks.check(
        {host.name: host for made in zones.values() for host in made.contents.hosts.values()}
    )
    profiles = _profiles(report, maker, root, inputs)
    domains = DomainSet(report, _taken(report, zones), _expected_domains(root, inputs))
    made_profiles = {made.path[1]: Profile(made.path[1], made.contents) for made in profiles}
    for index, entry in enumerate(root.domains):
        file = None if entry.file is None else inputs.files[entry.file]
        domains.add(index, entry, made_profiles.get(entry.profile), list(made_profiles), file)
    found = domains.finish()
    world = World({apex: made.contents for apex, made in zones.items()}, found)
    lint(report, world, list(zones.values()), profiles, nodes)
    named, zoned = name_targets(
        nodes, {apex: Zone(apex, made.contents) for apex, made in zones.items()}
    )
    config = Config(
        path=inputs.path,
        sha256=inputs.sha256,
        server=_server(report, root, inputs),
        limits=_limits(root),
        probe_concurrency=root.health.concurrency,
        probe_defaults=targets.base,
        nodes=named,
        zones=zoned,
        profiles=made_profiles,
        domains=found,
    )
    lenient = None if report.failed else config
    report.problems.extend(domains.bad_lines)
    return Resolved(lenient, tuple(report.sorted()), tuple(domains.bad_lines))


def _zones(report: Report, maker: ZoneMaker, root: RootModel, inputs: Inputs) -> dict[Name, Made]:
    zones: dict[Name, Made] = {}
    for key, model in root.zones.items():
        place = report.at_key("zones", key)
        try:
            apex = check_hostname(absolute(key))
            if len(apex) > 244:
                raise ValueError("the zone's name is longer than 244 octets")
        except ValueError as error:
            report.error(place, str(error))
            continue
        if apex in zones:
            message = f"the zone {to_text(apex)} stands already at {'.'.join(zones[apex].path)}"
            report.error(place, f"{message}: keep one of the two")
            continue
        file, mtime = _zone_file(report, key, model, inputs)
        zones[apex] = maker.zone(key, apex, model, file, _serial(inputs.mtime, mtime))
    return zones


def _zone_file(
    report: Report, key: str, model: ZoneModel, inputs: Inputs
) -> tuple[ZoneFile | None, float]:
    if model.file is None:
        return None, 0.0
    source = inputs.files[model.file]
    place = report.at("zones", key, "file")
    if source.failure is not None:
        report.error(place, f"cannot read {source.shown}: {source.failure}")
        return None, 0.0
    try:
        return ZoneFile(source.data.decode("utf-8-sig"), source.shown), source.mtime
    except UnicodeDecodeError as error:
        line = source.data.count(b"\n", 0, error.start) + 1
        report.error(place, f"{source.shown} is not UTF-8 text: see its line {line}")
        return None, 0.0


def _profiles(report: Report, maker: ZoneMaker, root: RootModel, inputs: Inputs) -> list[Made]:
    made = []
    for key, model in root.profiles.items():
        if not is_word(key):
            message = f"{shown(key)} is no name: use letters, digits, '.', '_' and '-'"
            report.error(report.at_key("profiles", key), message)
        mtimes = [
            inputs.files[entry.file].mtime
            for entry in root.domains
            if entry.profile == key and entry.file is not None
        ]
        made.append(maker.profile(key, model, _serial(inputs.mtime, *mtimes)))
    return made


def _expected_domains(root: RootModel, inputs: Inputs) -> int:
    """Return about how many domains there are."""
    files = [inputs.files[entry.file] for entry in root.domains if entry.file is not None]
    return sum(len(entry.names) for entry in root.domains) + sum(
        count_lines(file.data) for file in files
    )


def _serial(*mtimes: float) -> int:
    return int(max(mtimes)) & 0xFFFFFFFF


def _taken(report: Report, zones: Mapping[Name, Made]) -> dict[Name, str]:
    """Return the names that cannot be apexes of domains, each with the reason."""
    taken = {}
    for apex, made in zones.items():
        for host in made.contents.hosts.values():
            below = [
                host.name[offset:]
                for offset in suffix_offsets(host.name)
                if offset < len(host.name) - len(apex)
            ]
            for name in below:
                why = f"would hide the host {to_text(host.name)} of the zone {to_text(apex)}"
                taken[name] = why
                if name in zones:
                    path = zones[name].path
                    report.error(report.at_key(*path), f"this zone {why}: remove one of the two")
    taken.update(dict.fromkeys(zones, "is a zone of its own here"))
    taken.pop(ROOT, None)
    return taken


def _server(report: Report, root: RootModel, inputs: Inputs) -> ServerSettings:
    server = root.server
    directory = posixpath.dirname(inputs.path)
    listen = tuple(server.listen)
    if not listen:
        report.error(report.at("server", "listen"), "the list is empty: name an address and port")
    for index, endpoint in enumerate(listen):
        if endpoint in listen[:index]:
            place = report.at("server", "listen", index)
            report.error(place, f"{endpoint} stands twice: remove one")
    secrets: tuple[bytes, ...] = ()
    if server.cookie_secrets is not None:
        place = report.at("server", "cookie_secrets")
        secrets = read_secrets(report, place, inputs.files[server.cookie_secrets])
    state = server.state_directory
    return ServerSettings(
        listen=listen,
        http=server.http,
        control=posixpath.join(directory, server.control),
        control_group=server.control_group,
        state_directory=None if state is None else posixpath.join(directory, state),
        udp_workers=server.udp_workers,
        executor=server.executor,
        identity=server.identity,
        version=server.version,
        cookie_secrets=secrets,
        user=server.user,
        watch=server.watch,
        log_level=server.log.level,
        log_format=server.log.format,
    )


def _limits(root: RootModel) -> Limits:
    limits = root.limits
    return Limits(
        responses_per_second=limits.responses_per_second,
        slip=limits.slip,
        exempt=tuple(limits.exempt),
        udp_payload=limits.udp_payload,
        tcp_connections=limits.tcp_connections,
        tcp_connections_per_client=limits.tcp_connections_per_client,
        tcp_idle_timeout_seconds=limits.tcp_idle_timeout,
    )
