"""Nodes and hosts: which addresses there are, how each is probed, which host answers with which."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rrdns.config.fallbacks import Fallbacks
from rrdns.config.hostnames import check_hostname, from_key, prefix, to_ascii
from rrdns.config.report import Place, Report
from rrdns.config.scalars import is_word, shown
from rrdns.config.schema import HealthModel, HostModel, NodeModel, ProbeModel
from rrdns.model import Host, Member, Node
from rrdns.names import Name, Prefix, to_text
from rrdns.targets import Check, ProbeSettings, Target, TargetKey

MAX_HOST_TTL_SECONDS = 300
_SETTINGS = {
    key: f"{key}_seconds"
    for key in ("interval", "fast_interval", "connect_timeout", "banner_timeout", "command_timeout")
}


def probe_settings(base: ProbeSettings, model: ProbeModel | None) -> ProbeSettings:
    """Return `base` with everything that `model` sets."""
    if model is None:
        return base
    values: dict[str, Any] = {
        _SETTINGS.get(key, key): getattr(model, key)
        for key in model.model_fields_set & ProbeModel.model_fields.keys() - {"source"}
    }
    if "check" in values:
        values["check"] = Check(model.check)
    for family in model.source.model_fields_set:
        values[f"source_{family}"] = getattr(model.source, family)
    return replace(base, **values)


class Targets:
    """All nodes and targets of a configuration; tells of one target with two settings."""

    def __init__(self, report: Report, health: HealthModel) -> None:
        self.report = report
        self.base = ProbeSettings()
        self.base = self._settings(("health",), health)
        self._first: dict[TargetKey, tuple[Target, Place]] = {}

    def nodes(self, models: Mapping[str, NodeModel]) -> tuple[Node, ...]:
        """Return the nodes in the file's order."""
        if not models:
            place = self.report.at("nodes")
            self.report.error(place, "nodes is empty: at least one node is needed", needs=["nodes"])
        return tuple(self._node(name, model) for name, model in models.items())

    def _node(self, name: str, model: NodeModel) -> Node:
        for word, place in (
            (name, self.report.at_key("nodes", name)),
            *((role, self.report.at_key("nodes", name, role)) for role in model.roles),
        ):
            if not is_word(word):
                message = f"{shown(word)} is no name: use letters, digits, '.', '_' and '-'"
                self.report.error(place, message)
        settings = self._settings(("nodes", name, "health"), model.health)
        roles = {
            role: self._targets(("nodes", name, role), addresses, settings)
            for role, addresses in model.roles.items()
        }
        if not any(roles.values()):
            message = "this node has no address: give it a role, such as primary: 192.0.2.11"
            self.report.error(self.report.at_key("nodes", name), message, needs=["nodes"])
        return Node(name, roles, model.weight, model.tier, model.pool)

    def own(self, path: tuple[str, ...], model: HostModel) -> tuple[Target, ...]:
        """Return the targets of a host with addresses of its own."""
        settings = self._settings((*path, "health"), model.health)
        return self._targets((*path, "addresses"), model.addresses or [], settings)

    def _settings(self, path: tuple[str, ...], model: ProbeModel | None) -> ProbeSettings:
        settings = probe_settings(self.base, model)
        if model is None or settings.check is not Check.RCPT or settings.recipient is not None:
            return settings
        # What `health` lacks is told once, and there.
        keys = [key for key in ("check", "recipient") if key in model.model_fields_set]
        if keys:
            message = "the check rcpt needs a recipient: an address that takes mail here"
            place = self.report.at(*path, keys[0])
            self.report.error(place, message, needs=["health", path[0]])
        return settings

    def _targets(
        self, path: tuple[str, ...], addresses: list[str], settings: ProbeSettings
    ) -> tuple[Target, ...]:
        if not addresses:
            self.report.error(self.report.at(*path), "the list is empty: name at least one address")
        targets = []
        for index, address in enumerate(addresses):
            target = Target(address, settings)
            place = self.report.at(*path, index)
            if address in addresses[:index]:
                self.report.error(place, f"{address} stands twice: remove one")
                continue
            first, where = self._first.setdefault(target.key, (target, place))
            if first != target:
                message = (
                    f"{address} port {settings.port} is probed with other settings than at"
                    f" {where}: use the same health settings at both places"
                )
                self.report.error(place, message)
            targets.append(first)
        return tuple(targets)


class HostMaker:
    """Makes the hosts of all zones, and numbers them through."""

    def __init__(self, report: Report, targets: Targets, nodes: tuple[Node, ...]) -> None:
        self.report = report
        self.targets = targets
        self.nodes = nodes
        self.fallbacks = Fallbacks(report)
        self._count = 0

    def hosts(
        self, path: tuple[str, ...], apex: Name, models: Mapping[str, HostModel]
    ) -> dict[Prefix, Host]:
        """Return the hosts of one zone by their prefix, in the file's order."""
        hosts: dict[Prefix, Host] = {}
        for key, model in models.items():
            place = self.report.at_key(*path, key)
            rank, self._count = self._count, self._count + 1
            try:
                name = check_hostname(from_key(key, apex))
            except ValueError as error:
                self.report.error(place, str(error))
                continue
            if prefix(name, apex) in hosts:
                self.report.error(place, f"{to_text(name)} stands twice here: remove one")
                continue
            if key and (to_ascii(key).lower() + ".").endswith("." + to_text(apex)):
                message = f"means {to_text(name)}: keys are relative to the zone; end it in a dot"
                self.report.warning(place, message)
            if model.ttl > MAX_HOST_TTL_SECONDS:
                message = (
                    f"over {MAX_HOST_TTL_SECONDS} s: resolvers go on answering with a dead node"
                    " for that long"
                )
                self.report.warning(self.report.at(*path, key, "ttl"), message)
            hosts[prefix(name, apex)] = Host(
                name=name,
                members=self._members((*path, key), name, model),
                ttl_seconds=model.ttl,
                policy=model.policy,
                max_answers=model.max_answers,
                min_healthy=model.min_healthy,
                fallback=self.fallbacks.read((*path, key), name, apex, model.fallback) or None,
                rank=rank,
            )
        return hosts

    def _members(self, path: tuple[str, ...], name: Name, model: HostModel) -> tuple[Member, ...]:
        place = self.report.at_key(*path)
        if (model.role is None) == (model.addresses is None):
            problem = (
                "has neither role nor addresses"
                if model.role is None
                else "has both role and addresses"
            )
            message = f"{problem}: give it one of the two"
            self.report.error(place, message, needs=["zones"] if model.role is None else [])
            return ()
        if model.addresses is not None:
            if model.pool is not None:
                message = "pool goes with role: a host with addresses of its own has none"
                self.report.error(self.report.at_key(*path, "pool"), message)
            if model.tiers is not None:
                message = "tiers goes with role: it changes nothing for addresses of the host's own"
                self.report.warning(self.report.at_key(*path, "tiers"), message)
            shown_name = to_text(name).removesuffix(".")
            own = self.targets.own(path, model)
            members = tuple(Member(shown_name, "address", target) for target in own)
        else:
            if model.health is not None:
                message = "health belongs to the nodes here: set it at a node instead"
                self.report.error(self.report.at_key(*path, "health"), message)
            members = self._of_roles(path, model.role or [], model)
        self._check_distinct(place, members)
        return members

    def _of_roles(
        self, path: tuple[str, ...], roles: list[str], model: HostModel
    ) -> tuple[Member, ...]:
        pool = model.pool or "default"
        pooled = [node for node in self.nodes if node.pool == pool]
        if not pooled:
            pools = ", ".join(dict.fromkeys(node.pool for node in self.nodes))
            message = f"no node is in the pool {pool}: the pools are {pools}"
            has_pool = "pool" in self.report.at(*path, "pool").path
            place = self.report.at(*path, "pool") if has_pool else self.report.at_key(*path)
            self.report.error(place, message, needs=["nodes"])
            return ()
        nodes = [node for node in pooled if model.tiers is None or node.tier <= model.tiers]
        if not nodes:
            lowest = min(node.tier for node in pooled)
            message = f"no node has a tier up to {model.tiers}: the lowest here is {lowest}"
            self.report.error(self.report.at(*path, "tiers"), message, needs=["nodes"])
            return ()
        among = "" if model.tiers is None else f" of a tier up to {model.tiers}"
        known = list(dict.fromkeys(role for node in nodes for role in node.roles))
        if not roles:
            self.report.error(self.report.at(*path, "role"), "the list is empty: name a role")
        for index, role in enumerate(roles):
            if role not in known:
                message = f"no node{among} has the role {role}: the roles are {', '.join(known)}"
                self.report.error(self.report.at(*path, "role", index), message, needs=["nodes"])
        found: list[Member] = []
        for node in nodes:
            role = next((role for role in roles if role in node.roles), "")
            found += [
                Member(node.name, role, target, node.weight, node.tier)
                for target in node.roles.get(role, ())
            ]
        return tuple(found)

    def _check_distinct(self, place: Place, members: tuple[Member, ...]) -> None:
        first: dict[str, Member] = {}
        for member in members:
            other = first.setdefault(member.target.address, member)
            if other is not member:
                message = (
                    f"would answer with {member.target.address} twice:"
                    f" it is an address of {other.node}/{other.role}"
                    f" and of {member.node}/{member.role}"
                )
                self.report.error(place, message)
