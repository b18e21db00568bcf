"""A configuration that was read, checked and resolved: what the operator wants.

Frozen data only. Durations are seconds, sizes are octets, paths are absolute.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from rrdns.domainmap import DomainMap
from rrdns.model import Host, Node, Profile, Zone
from rrdns.names import Name
from rrdns.targets import ProbeSettings, Target, TargetKey

DEFAULT_STATE_DIRECTORY = "/var/lib/rrdns"
_MOST_BARE = 10_000


class Endpoint(NamedTuple):
    """An address and port to listen on; `default`: not written by the operator."""

    address: str
    port: int
    default: bool = False

    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The configuration's `server`; paths are absolute, None is the configuration's null.

    `cookie_secrets` are those of the file, none where the server is to make one up.
    """

    listen: tuple[Endpoint, ...]
    http: Endpoint | None
    control: str
    control_group: str | None = None
    state_directory: str | None = None
    udp_workers: int | None = None
    executor: str = "auto"
    identity: str | None = None
    version: str | None = None
    cookie_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    user: str | None = None
    watch: bool = False
    log_level: str = "info"
    log_format: str = "text"


@dataclass(frozen=True, slots=True)
class Limits:
    """The configuration's `limits`; sizes are octets, `exempt` are networks in text."""

    responses_per_second: int = 200
    slip: int = 2
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    udp_payload: int = 1232
    tcp_connections: int = 1000
    tcp_connections_per_client: int = 50
    tcp_idle_timeout_seconds: float = 10.0


@dataclass(frozen=True)
class Config:
    """A configuration that was read, checked and resolved: everything but the health.

    `probe_defaults` are what `health` sets for every target that does not say otherwise.
    """

    path: str
    sha256: str
    server: ServerSettings
    limits: Limits
    probe_concurrency: int
    nodes: tuple[Node, ...]
    zones: Mapping[Name, Zone]
    profiles: Mapping[str, Profile]
    domains: Mapping[Name, Profile]
    probe_defaults: ProbeSettings = field(default_factory=ProbeSettings)

    def hosts(self) -> Iterator[Host]:
        """Yield the hosts of all zones, in the configuration's order."""
        for zone in self.zones.values():
            yield from zone.contents.hosts.values()

    @cached_property
    def apex_ancestors(self) -> frozenset[Name]:
        """Names that exist because an apex stands below them, between it and the apex above.

        Nothing in the upper zone need tell of them, but they are empty non-terminals: an NXDOMAIN
        would deny the apex below too (RFC 8020).
        """
        found: set[Name] = set()
        # Names without an apex at or above them. A million domains are below a few of them.
        bare: set[Name] = set()
        above_zones = (apex[1 + apex[0] :] for apex in self.zones)
        for parent in chain(above_zones, DomainMap.of(self.domains).parents(self.zones)):
            between: list[Name] = []
            ancestor = parent
            while ancestor and ancestor not in bare:
                if ancestor in self.zones or ancestor in self.domains:
                    found.update(between)
                    break
                between.append(ancestor)
                ancestor = ancestor[1 + ancestor[0] :]
            else:
                if len(bare) >= _MOST_BARE:
                    bare.clear()
                bare.update(between)
        return frozenset(found)

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Every target that some host uses, once."""
        return tuple(
            dict.fromkeys(member.target for host in self.hosts() for member in host.members)
        )

    @cached_property
    def hosts_by_name(self) -> Mapping[Name, Host]:
        """The hosts by their absolute names."""
        return {host.name: host for host in self.hosts()}

    @cached_property
    def hosts_by_target(self) -> Mapping[TargetKey, tuple[Host, ...]]:
        """The hosts that a target's health decides on: as a member, or through the fallback."""
        found: dict[TargetKey, dict[Name, Host]] = {}
        for host in self.hosts():
            fallback = () if host.fallback is None else self.hosts_by_name[host.fallback].members
            for member in (*host.members, *fallback):
                found.setdefault(member.target.key, {})[host.name] = host
        return {key: tuple(hosts.values()) for key, hosts in found.items()}

    @cached_property
    def used_by(self) -> Mapping[TargetKey, str]:
        """By whom each target is used, for the log: ``NODE/ROLE``, several with commas."""
        found: dict[TargetKey, dict[str, None]] = {}
        for host in self.hosts():
            for member in host.members:
                users = found.setdefault(member.target.key, {})
                users[f"{member.node}/{member.role}"] = None
        return {key: ",".join(users) for key, users in found.items()}
