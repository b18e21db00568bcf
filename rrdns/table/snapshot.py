"""Configuration and effective states to a snapshot: the only maker of snapshots."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from rrdns.health.select import NO_OVERRIDES, Overrides, select
from rrdns.model import Host, HostAnswer, Selection, Snapshot
from rrdns.names import Name
from rrdns.settings import Config
from rrdns.table.policies import Orders, round_robin, shuffled, weighted
from rrdns.targets import Health, TargetKey


def make_snapshot(
    config: Config,
    healths: Mapping[TargetKey, Health],
    made_up_secret: bytes | None = None,
    overrides: Overrides = NO_OVERRIDES,
    *,
    seed: bytes = b"",
    previous: Snapshot | None = None,
) -> Snapshot:
    """Return the state that decides answers; a target without a health is unknown.

    `made_up_secret` (16 octets) makes the cookies where the configuration names no secrets.
    `overrides` are by (node, role), with the role None for a whole node. `seed` (octets) decides
    the orders of hosts with the policy random. What `previous`, made with the same seed, has of
    the same hosts is taken over where their selection stays.
    """
    before = {} if previous is None else previous.answers
    answers: dict[tuple[Name, int], HostAnswer] = {}
    hosts: Iterable[Host] = config.hosts_by_name.values()
    changed = None
    if previous is not None and previous.zones is config.zones and previous.overrides == overrides:
        changed = _changed(previous.healths, healths)
    if changed is not None:
        # Thousands of hosts may be there, and one node has changed.
        answers.update(before)
        found = (host for key in changed for host in config.hosts_by_target.get(key, ()))
        hosts = {host.name: host for host in found}.values()
    for host in hosts:
        fallback = None if host.fallback is None else config.hosts_by_name[host.fallback]
        for family, selection in select(host, healths, overrides, fallback).items():
            key = host.name, family.rrtype
            answers[key] = _host_answer(selection, seed, before.get(key))
    server = config.server
    secrets = server.cookie_secrets
    if not secrets and made_up_secret is not None:
        secrets = (made_up_secret,)
    return Snapshot(
        config.zones,
        config.profiles,
        config.domains,
        answers,
        udp_payload=config.limits.udp_payload,
        tcp_idle_timeout_seconds=config.limits.tcp_idle_timeout_seconds,
        identity=None if server.identity is None else server.identity.encode(),
        version=None if server.version is None else server.version.encode(),
        cookie_secrets=secrets,
        apex_ancestors=config.apex_ancestors,
        healths=healths,
        overrides=overrides,
    )


def _changed(
    before: Mapping[TargetKey, Health], now: Mapping[TargetKey, Health]
) -> list[TargetKey] | None:
    """Return the targets whose health is another; None where the targets may be others."""
    if len(before) != len(now):
        return None
    changed = []
    for (old_key, old), (key, health) in zip(before.items(), now.items(), strict=True):
        if old_key is not key:
            return None
        if old is not health:
            changed.append(key)
    return changed


def _host_answer(selection: Selection, seed: bytes, before: HostAnswer | None) -> HostAnswer:
    if before is not None and _same_addresses(before.selection, selection):
        return replace(before, selection=selection)
    found = selection.stand_ins if selection.by_fallback else selection.choices
    # The same address may come from two nodes; an RRset holds it once (RFC 2181, section 5).
    weights: dict[bytes, int] = {}
    for choice in found:
        weights.setdefault(choice.member.target.packed, choice.member.weight)
    selected = {member.target.packed for member in selection.selected}
    orders = _orders(selection.host, weights, selected, seed)
    return HostAnswer(selection, orders.variants, orders.marks)


def _same_addresses(one: Selection, other: Selection) -> bool:
    return (
        one.host is other.host
        and one.by_fallback is other.by_fallback
        and one.selected == other.selected
    )


def _orders(
    host: Host, weights: Mapping[bytes, int], selected: Collection[bytes], seed: bytes
) -> Orders:
    if host.policy == "random":
        return shuffled(
            tuple(weights), selected, seed=seed + host.name, max_answers=host.max_answers
        )
    if host.policy == "weighted":
        return weighted(weights, selected, start=host.rank, max_answers=host.max_answers)
    return round_robin(tuple(weights), selected, start=host.rank, max_answers=host.max_answers)
