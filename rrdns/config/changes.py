"""What a reload changes, in an operator's words: nodes, zones, hosts, profiles, domains."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from rrdns.domainmap import DomainMap, differences
from rrdns.model import Contents, Host, Profile
from rrdns.names import Name, to_text
from rrdns.settings import Config, ServerSettings

_SHOWN = 5
# What a running server takes over; the rest of `server` counts from its next start.
LIVE_SETTINGS = frozenset({"identity", "version", "cookie_secrets", "watch"})
_KEYS = {"log_level": "log.level", "log_format": "log.format"}


def changes(old: Config, new: Config) -> list[str]:
    """Return what is different, a line for each kind of thing; none where nothing is.

    Takes as long as it takes to look at every domain, unless both have the very same domains.
    """
    return list(_changes(old, new))


def needs_restart(old: ServerSettings, new: ServerSettings) -> list[str]:
    """Return the keys of `server` whose change counts from the next start only."""
    return [key for key in _different(old, new) if key not in LIVE_SETTINGS]


def _changes(old: Config, new: Config) -> Iterator[str]:
    yield from _told("nodes", _by_name(old.nodes), _by_name(new.nodes))
    yield from _told("zones", _zones(old), _zones(new))
    yield from _told("hosts", _hosts(old), _hosts(new))
    yield from _told("profiles", _profiles(old), _profiles(new))
    yield from _domains(old.domains, new.domains)
    limits = list(_different(old.limits, new.limits))
    if limits:
        yield f"limits: {', '.join(limits)} changed"
    if old.probe_concurrency != new.probe_concurrency:
        yield "health: concurrency changed"
    live = [key for key in _different(old.server, new.server) if key in LIVE_SETTINGS]
    if live:
        yield f"server: {', '.join(live)} changed"
    later = needs_restart(old.server, new.server)
    if later:
        yield f"server: {', '.join(later)} changed, which counts from the next start"


def _different(old: Any, new: Any) -> Iterator[str]:
    for field in fields(old):
        if getattr(old, field.name) != getattr(new, field.name):
            yield _KEYS.get(field.name, field.name.removesuffix("_seconds"))


def _told(what: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    words = [
        f"{done} {_list(names, len(names))}"
        for done, names in (
            ("added", [name for name in new if name not in old]),
            ("removed", [name for name in old if name not in new]),
            ("changed", [name for name in new if name in old and old[name] != new[name]]),
        )
        if names
    ]
    if words:
        yield f"{what}: {'; '.join(words)}"


def _list(names: Iterable[str], total: int) -> str:
    shown = [name for name, _ in zip(names, range(_SHOWN), strict=False)]
    return ", ".join(shown) + (f" and {total - _SHOWN} more" if total > _SHOWN else "")


# --- what is compared -------------------------------------------------------------------------


def _by_name(nodes: Iterable[Any]) -> dict[str, object]:
    return {node.name: node for node in nodes}


def _zones(config: Config) -> dict[str, object]:
    return {to_text(apex): _static(zone.contents) for apex, zone in config.zones.items()}


def _profiles(config: Config) -> dict[str, object]:
    return {name: _static(profile.contents) for name, profile in config.profiles.items()}


def _static(contents: Contents) -> object:
    # The serial goes up with every file that was touched; that is no change of its own.
    return replace(contents.soa, serial=0), contents.rrsets


def _hosts(config: Config) -> dict[str, object]:
    return {to_text(host.name): _without_rank(host) for host in config.hosts()}


def _without_rank(host: Host) -> Host:
    return replace(host, rank=0)


def _domains(old: Mapping[Name, Profile], new: Mapping[Name, Profile]) -> Iterator[str]:
    if old is new:
        return
    added, moved, removed = _Names(), _Names(), _Names()
    for name, before, now in differences(DomainMap.of(old), DomainMap.of(new)):
        names = added if before is None else removed if now is None else moved
        names.note(name)
    words = [
        f"{names.count} {done} ({_list(names.first, names.count)})"
        for done, names in (
            ("added", added),
            ("removed", removed),
            ("with another profile", moved),
        )
        if names.count
    ]
    if words:
        yield f"domains: {', '.join(words)}"


class _Names:
    """Counts names, and keeps the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def note(self, name: Name) -> None:
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(to_text(name).removesuffix("."))
