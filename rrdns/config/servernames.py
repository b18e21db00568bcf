"""Which name TLS asks for at an address: that of the first host that answers with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rrdns.model import Contents, Node, Zone
from rrdns.names import Name, to_text
from rrdns.targets import Check, Target


def name_targets(
    nodes: Sequence[Node], zones: Mapping[Name, Zone]
) -> tuple[tuple[Node, ...], dict[Name, Zone]]:
    """Return nodes and zones in which every target with the check starttls has its server name."""
    named: dict[Target, Target] = {}
    for zone in zones.values():
        for host in zone.contents.hosts.values():
            server_name = to_text(host.name).removesuffix(".")
            for member in host.members:
                if member.target.settings.check is Check.STARTTLS:
                    target = replace(member.target, server_name=server_name)
                    named.setdefault(member.target, target)
    if not named:
        return tuple(nodes), dict(zones)
    return (
        tuple(_named_node(node, named) for node in nodes),
        {apex: Zone(apex, _named_contents(zone.contents, named)) for apex, zone in zones.items()},
    )


def _named_node(node: Node, named: Mapping[Target, Target]) -> Node:
    roles = {
        role: tuple(named.get(target, target) for target in targets)
        for role, targets in node.roles.items()
    }
    return replace(node, roles=roles)


def _named_contents(contents: Contents, named: Mapping[Target, Target]) -> Contents:
    hosts = {
        prefix: replace(
            host,
            members=tuple(
                replace(member, target=named.get(member.target, member.target))
                for member in host.members
            ),
        )
        for prefix, host in contents.hosts.items()
    }
    return replace(contents, hosts=hosts)
