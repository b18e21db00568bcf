"""Fallbacks: which host stands in for which, across all zones."""

from collections.abc import Mapping

from rrdns.config.hostnames import check_hostname, from_value
from rrdns.config.report import Place, Report
from rrdns.model import Host
from rrdns.names import Name, to_text
from rrdns.targets import Family

_FAMILY_TEXT = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


class Fallbacks:
    """The fallbacks that were read so far, each with its place, until all hosts are known."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._places: dict[Name, Place] = {}

    def read(self, path: tuple[str, ...], host: Name, apex: Name, written: str | None) -> Name:
        """Return the absolute name of a host's fallback; b"" for none."""
        if written is None:
            return b""
        place = self.report.at(*path, "fallback")
        try:
            name = check_hostname(from_value(written, apex))
        except ValueError as error:
            self.report.error(place, str(error))
            return b""
        self._places[host] = place
        return name

    def check(self, hosts: Mapping[Name, Host]) -> None:
        """Report fallbacks to no host, in a cycle, or to a host that never can stand in."""
        told: set[Name] = set()
        for name, place in self._places.items():
            host = hosts[name]
            fallback = hosts.get(host.fallback or b"")
            if fallback is host:
                self.report.error(place, "a host cannot stand in for itself: name another host")
                continue
            if fallback is None:
                message = f"no host is named {to_text(host.fallback or b'')}: name one of the hosts"
                self.report.error(place, message, needs=["zones"])
                continue
            cycle = _cycle(host, hosts)
            if cycle and told.isdisjoint(cycle):
                told.update(cycle)
                chain = ", then ".join(to_text(other) for other in (*cycle[1:], name))
                message = f"a cycle, {to_text(name)} falls back to {chain}: remove one fallback"
                self.report.error(place, message)
            elif not cycle and not _families(host) & _families(fallback):
                families = " or ".join(sorted(map(_FAMILY_TEXT.__getitem__, _families(host))))
                message = f"{to_text(fallback.name)} has no {families} address: it cannot stand in"
                self.report.warning(place, message, needs=["nodes", "zones"])


def _cycle(host: Host, hosts: Mapping[Name, Host]) -> list[Name]:
    """Return the names from a host to the one that falls back to it again, if there is one."""
    names = [host.name]
    while (following := hosts.get(names[-1])) and following.fallback:
        if following.fallback == host.name:
            return names
        if following.fallback in names:
            break
        names.append(following.fallback)
    return []


def _families(host: Host) -> set[Family]:
    return {member.target.family for member in host.members}
