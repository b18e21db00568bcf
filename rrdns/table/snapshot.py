"""Configuration and effective states to a snapshot: the only maker of snapshots."""

from collections.abc import Mapping

from rrdns.health.select import NO_OVERRIDES, Overrides, select
from rrdns.model import Host, HostAnswer, Selection, Snapshot
from rrdns.names import Name
from rrdns.settings import Config
from rrdns.table.policies import round_robin
from rrdns.targets import Health, TargetKey


def make_snapshot(
    config: Config,
    healths: Mapping[TargetKey, Health],
    made_up_secret: bytes | None = None,
    overrides: Overrides = NO_OVERRIDES,
) -> Snapshot:
    """Return the state that decides answers; a target without a health is unknown.

    `made_up_secret` (16 octets) makes the cookies where the configuration names no secrets.
    `overrides` are by (node, role), with the role None for a whole node.
    """
    answers: dict[tuple[Name, int], HostAnswer] = {}
    hosts = {host.name: host for host in config.hosts()}
    for host in hosts.values():
        fallback = None if host.fallback is None else hosts[host.fallback]
        for family, selection in select(host, healths, overrides, fallback).items():
            answers[host.name, family.rrtype] = _host_answer(host, selection)
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
    )


def _host_answer(host: Host, selection: Selection) -> HostAnswer:
    # The same address may come from two nodes; an RRset holds it once (RFC 2181, section 5).
    ring = dict.fromkeys(
        choice.member.target.packed for choice in (*selection.choices, *selection.stand_ins)
    )
    selected = {member.target.packed for member in selection.selected}
    orders = round_robin(tuple(ring), selected, start=host.rank, max_answers=host.max_answers)
    return HostAnswer(selection, orders.variants, orders.marks)
