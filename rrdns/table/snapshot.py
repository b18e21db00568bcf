"""Configuration and effective states to a snapshot: the only maker of snapshots."""

from collections.abc import Mapping

from rrdns.health.select import select
from rrdns.model import Host, HostAnswer, Selection, Snapshot
from rrdns.names import Name
from rrdns.settings import Config
from rrdns.table.rotation import round_robin
from rrdns.targets import Health, TargetKey


def make_snapshot(config: Config, healths: Mapping[TargetKey, Health]) -> Snapshot:
    """Return the state that decides answers; a target without a health is unknown."""
    answers: dict[tuple[Name, int], HostAnswer] = {}
    for host in config.hosts():
        for family, selection in select(host, healths).items():
            answers[host.name, family.rrtype] = _host_answer(host, selection)
    return Snapshot(
        config.zones, config.profiles, config.domains, answers, config.limits.udp_payload
    )


def _host_answer(host: Host, selection: Selection) -> HostAnswer:
    # The same address may come from two nodes; an RRset holds it once (RFC 2181, section 5).
    addresses = list(dict.fromkeys(member.target.packed for member in selection.selected))
    return HostAnswer(
        selection, round_robin(addresses, start=host.rank, max_answers=host.max_answers)
    )
