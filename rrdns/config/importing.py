"""A zone file's RRsets to a configuration that answers the same, as text.

The addresses behind MX hosts become nodes; everything else stays as static records. Pure: the
RRsets come parsed, and how RDATA is written comes as an argument.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rrdns.config.hostnames import prefix
from rrdns.model import RRset
from rrdns.names import Name, is_below, prefix_to_text, to_text
from rrdns.rrtypes import AAAA, MX, NS, SOA, TYPE_NUMBERS, A, type_text

RdataText = Callable[[int, bytes], str]
Zone = Mapping[Name, Mapping[int, RRset]]

_ROLES = ("primary", "secondary")
_DEFAULT_MAX_ANSWERS = 8
# Types whose values a configuration writes as plain text.
_TEXTS = frozenset({TYPE_NUMBERS["TXT"], TYPE_NUMBERS["SPF"]})
_TIMERS = ("serial", "refresh", "retry", "expire", "minimum")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|[0-9]+(?:\.[0-9]+){3}")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class Imported:
    """The configuration's text, and the hosts in it."""

    text: str
    hosts: tuple[Name, ...]


def mail_hosts(apex: Name, zone: Zone) -> list[Name]:
    """Return the MX exchanges of a zone that have addresses in it, in the order of preference."""
    records = sorted(
        {
            (int.from_bytes(rdata[:2], "big"), rdata[2:].lower())
            for types in zone.values()
            for rdata in (types[MX].rdatas if MX in types else ())
        }
    )
    found = dict.fromkeys(exchange for _, exchange in records if is_below(exchange, apex))
    return [name for name in found if zone.get(name, {}).keys() & {A, AAAA}]


def configuration(
    apex: Name, zone: Zone, hosts: Sequence[Name], rdata_text: RdataText, source: str
) -> Imported:
    """Return a configuration that answers as the zone does, its hosts by what is healthy.

    `zone` has SOA and NS at its apex. Each of `hosts` has addresses.
    """
    groups = {host: _addresses(zone[host]) for host in hosts}
    roles, nodes = _nodes(groups)
    ns = zone[apex][NS]
    lines = [
        f"# From {source}. Addresses of several hosts were put together to nodes in their order:",
        "# see that each node is one machine. `rrdns check-config` tells what else to look at.",
        "",
        "nodes:",
        *(f"  {node}: {_flow(addresses)}" for node, addresses in nodes.items()),
        "",
        "zones:",
        f"  {_scalar(to_text(apex).removesuffix('.') or '.')}:",
        f"    soa: {_flow(_soa(zone[apex][SOA].rdatas[0]))}",
        f"    ttl: {ns.ttl_seconds}",
        "    nameservers:",
        *(f"      {line}" for line in _nameservers(apex, zone, hosts)),
        "    hosts:",
    ]
    for host in hosts:
        key = _scalar(prefix_to_text(prefix(host, apex)))
        lines.append(f"      {key}: {_flow(_host(zone[host], groups[host], roles))}")
    static = list(_static(apex, zone, hosts, rdata_text))
    lines += ["    records:", *(f"      {line}" for line in static)] if static else []
    return Imported("\n".join(lines) + "\n", tuple(hosts))


# --- nodes and hosts --------------------------------------------------------------------------


def _addresses(types: Mapping[int, RRset]) -> tuple[str, ...]:
    return tuple(
        str(ipaddress.ip_address(rdata))
        for rrtype in (A, AAAA)
        for rdata in (types[rrtype].rdatas if rrtype in types else ())
    )


def _nodes(
    groups: Mapping[Name, tuple[str, ...]],
) -> tuple[dict[frozenset[str], str], dict[str, dict[str, list[str]]]]:
    """Return the role of each set of addresses, and the nodes with theirs by role."""
    distinct: dict[frozenset[str], tuple[str, ...]] = {}
    for group in groups.values():
        distinct.setdefault(frozenset(group), group)
    roles = {
        found: _ROLES[number] if number < len(_ROLES) else f"role{number + 1}"
        for number, found in enumerate(distinct)
    }
    nodes: dict[str, dict[str, list[str]]] = {}
    columns = [_by_position(group) for group in distinct.values()]
    disjoint = sum(map(len, distinct)) == len(frozenset().union(*distinct))
    if disjoint and len({len(column) for column in columns}) == 1 and len(columns[0]) > 1:
        # As many in each, none twice: the first of each are taken for one machine, and so on.
        for number, row in enumerate(zip(*columns, strict=True), start=1):
            nodes[f"server{number}"] = dict(zip(roles.values(), row, strict=True))
    else:
        for found, column in zip(distinct, columns, strict=True):
            for addresses in column:
                node = next((n for n, had in nodes.items() if addresses in had.values()), None)
                nodes.setdefault(node or f"server{len(nodes) + 1}", {})[roles[found]] = addresses
    return roles, nodes


def _by_position(addresses: Sequence[str]) -> list[list[str]]:
    """Pair the IPv4 and IPv6 addresses of a host where there are as many of both."""
    ipv4 = [address for address in addresses if ":" not in address]
    ipv6 = [address for address in addresses if ":" in address]
    if len(ipv4) == len(ipv6):
        return [list(pair) for pair in zip(ipv4, ipv6, strict=True)]
    return [[address] for address in addresses]


def _host(
    types: Mapping[int, RRset], addresses: tuple[str, ...], roles: Mapping[frozenset[str], str]
) -> dict[str, object]:
    host: dict[str, object] = {"role": roles[frozenset(addresses)]}
    host["ttl"] = min(rrset.ttl_seconds for rrtype, rrset in types.items() if rrtype in (A, AAAA))
    most = max(len(types[rrtype].rdatas) for rrtype in (A, AAAA) if rrtype in types)
    if most > _DEFAULT_MAX_ANSWERS:
        host["max_answers"] = most
    return host


# --- static records ---------------------------------------------------------------------------


def _soa(rdata: bytes) -> dict[str, object]:
    mname, rname = _split_names(rdata)
    numbers = rdata[len(mname) + len(rname) :]
    timers = [int.from_bytes(numbers[at : at + 4], "big") for at in range(0, len(numbers), 4)]
    return {
        "mname": to_text(mname),
        "rname": to_text(rname),
        **dict(zip(_TIMERS, timers, strict=True)),
    }


def _split_names(rdata: bytes) -> tuple[Name, Name]:
    ends: list[int] = []
    at = 0
    while len(ends) < 2:
        at += 1 + rdata[at]
        if not rdata[at]:
            at += 1
            ends.append(at)
    return rdata[: ends[0]].lower(), rdata[ends[0] : ends[1]].lower()


def _nameservers(apex: Name, zone: Zone, hosts: Sequence[Name]) -> Iterator[str]:
    for rdata in zone[apex][NS].rdatas:
        name = rdata.lower()
        here = _takes_addresses(apex, zone, hosts, name)
        shown = prefix_to_text(prefix(name, apex)) if is_below(name, apex) else to_text(name)
        yield f"{_scalar(shown)}: {_flow(list(_addresses(zone[name]) if here else ()))}"


def _takes_addresses(apex: Name, zone: Zone, hosts: Sequence[Name], name: Name) -> bool:
    """Tell whether a name server's addresses can stand beside its name: with the zone's TTL."""
    found = [zone.get(name, {}).get(rrtype) for rrtype in (A, AAAA)]
    ttl_seconds = zone[apex][NS].ttl_seconds
    return (
        is_below(name, apex)
        and name not in hosts
        and any(found)
        and all(rrset is None or rrset.ttl_seconds == ttl_seconds for rrset in found)
    )


def _static(apex: Name, zone: Zone, hosts: Sequence[Name], rdata_text: RdataText) -> Iterator[str]:
    servers = {rdata.lower() for rdata in zone[apex][NS].rdatas}
    left_out = {(apex, SOA), (apex, NS)} | {
        (host, rrtype) for host in hosts for rrtype in (A, AAAA)
    }
    left_out |= {
        (name, rrtype)
        for name in servers
        if _takes_addresses(apex, zone, hosts, name)
        for rrtype in (A, AAAA)
    }
    for owner, types in zone.items():
        kept = [rrset for rrtype, rrset in types.items() if (owner, rrtype) not in left_out]
        if kept:
            yield f"{_scalar(prefix_to_text(prefix(owner, apex)))}:"
            yield from (f"  - {_flow(_record(rrset, rdata_text))}" for rrset in kept)


def _record(rrset: RRset, rdata_text: RdataText) -> dict[str, object]:
    if rrset.rrtype not in _TEXTS:
        values = [rdata_text(rrset.rrtype, rdata) for rdata in rrset.rdatas]
    elif all(map(_is_plain_text, rrset.rdatas)):
        values = [rdata[1:].decode("ascii") for rdata in rrset.rdatas]
    else:
        # A configuration's text is cut into chunks anew; RFC 3597's form keeps each octet.
        values = [f"\\# {len(rdata)} {rdata.hex()}" for rdata in rrset.rdatas]
    return {"type": type_text(rrset.rrtype), "ttl": rrset.ttl_seconds, "values": values}


def _is_plain_text(rdata: bytes) -> bool:
    text = rdata[1:]
    return len(text) == rdata[0] and text.isascii() and not set(text) & set(b'"\\')


# --- YAML -------------------------------------------------------------------------------------


def _scalar(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, Iterable):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value)
