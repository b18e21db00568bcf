"""Selection: which of its addresses a host answers with, and why (design, section 3).

Rules of this room: pure functions from a host and the effective states to selections. Nothing here
knows how a state came about, or how an answer is encoded or rotated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rrdns.model import Choice, Host, Member, MinHealthy, Selection
from rrdns.names import to_text
from rrdns.targets import Family, Health, Override, TargetKey

# By (node, role); the role None stands for every role of the node that has none of its own.
Overrides = Mapping[tuple[str, str | None], Override]
NO_OVERRIDES: Overrides = MappingProxyType({})

_OTHER = {Family.IPV4: Family.IPV6, Family.IPV6: Family.IPV4}
_FAMILY_TEXT = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}
_HEALTH_TEXT = {
    Health.UP: "healthy",
    Health.UNKNOWN: "unknown, counts as healthy",
    Health.PENDING: "new, without a verdict yet",
    Health.DOWN: "down",
}


@dataclass(frozen=True, slots=True)
class _Candidates:
    """A host's members of one family; positions in `members` stand for them elsewhere.

    `considered` leaves out the pending ones while another is healthy: so a reload that adds dead
    nodes raises neither what is needed nor what a fail-open answer holds.
    """

    members: tuple[Member, ...]
    overrides: tuple[Override | None, ...]
    healths: tuple[Health, ...]
    considered: tuple[int, ...]
    healthy: tuple[int, ...]
    need: int


def select(
    host: Host,
    healths: Mapping[TargetKey, Health],
    overrides: Overrides = NO_OVERRIDES,
    fallback: Host | None = None,
) -> Mapping[Family, Selection]:
    """Return a host's selection in both families; a target without a health is unknown.

    An override beats the health of its node's targets; one of a role beats that of the node.
    `fallback` is the host that `host.fallback` names. With need = min(number considered,
    `min_healthy`): (1) the healthy addresses of the lowest-numbered tier that has some and reaches
    it; (2) else the healthy ones of all tiers, if they do; (3) else what steps 1 and 2 select for
    the fallback, in families that the host itself has; (4) else none, if the other family got an
    answer by these; (5) else all addresses of the lowest tier and all healthy ones. So a host with
    members answers in at least one family, with a `min_healthy` of 0 too.
    """
    own = {family: _candidates(host, family, healths, overrides) for family in Family}
    asked = {
        family: _candidates(fallback, family, healths, overrides)
        for family in Family
        if fallback is not None and own[family].members and not _reaching(own[family])
    }
    answering = {
        family
        for family in Family
        if _reaching(own[family]) or (family in asked and _reaching(asked[family]))
    }
    return {
        family: _selection(host, family, own[family], asked.get(family), answering)
        for family in Family
    }


def _candidates(
    host: Host, family: Family, healths: Mapping[TargetKey, Health], overrides: Overrides
) -> _Candidates:
    members = host.considered(family)
    overridden = tuple(
        overrides.get((member.node, member.role)) or overrides.get((member.node, None))
        for member in members
    )
    states = tuple(
        healths.get(member.target.key, Health.UNKNOWN)
        if override is None
        else Health(override.state.value)
        for member, override in zip(members, overridden, strict=True)
    )
    pending = _positions(states, Health.PENDING)
    healthy = _positions(states, Health.UP, Health.UNKNOWN)
    considered = tuple(range(len(members)))
    if healthy:
        considered = tuple(position for position in considered if position not in pending)
    else:
        healthy = pending
    need = _need(host.min_healthy, considered)
    return _Candidates(members, overridden, states, considered, healthy, need)


def _positions(states: Sequence[Health], *wanted: Health) -> tuple[int, ...]:
    return tuple(position for position, state in enumerate(states) if state in wanted)


def _need(min_healthy: MinHealthy, considered: Sequence[int]) -> int:
    count = len(considered)
    wanted = -(-count * min_healthy.value // 100) if min_healthy.percent else min_healthy.value
    return min(count, wanted)


def _reaching(found: _Candidates) -> tuple[int, ...]:
    """Return the positions that steps 1 and 2 select; empty where neither reaches the need."""
    for tier in sorted({found.members[position].tier for position in found.healthy}):
        in_tier = _of_tier(found, found.healthy, tier)
        if len(in_tier) >= found.need:
            return in_tier
    return found.healthy if len(found.healthy) >= found.need else ()


def _of_tier(found: _Candidates, positions: Sequence[int], tier: int) -> tuple[int, ...]:
    return tuple(position for position in positions if found.members[position].tier == tier)


def _selection(
    host: Host,
    family: Family,
    own: _Candidates,
    asked: _Candidates | None,
    answering: set[Family],
) -> Selection:
    failopen = bool(own.members) and not answering
    selected = set(_reaching(own))
    instead = ""
    if failopen:
        lowest = min(own.members[position].tier for position in own.considered)
        selected = {*_of_tier(own, own.considered, lowest), *own.healthy}
    elif not selected and family in answering and host.fallback is not None:
        instead = f"{to_text(host.fallback)} stands in"
    elif not selected:
        instead = f"{_FAMILY_TEXT[_OTHER[family]]} answers alone"
    return Selection(
        host=host,
        family=family,
        choices=_choices(own, selected, instead),
        failopen=failopen,
        degraded=bool(own.members) and not own.healthy,
        stand_ins=() if asked is None else _stand_ins(asked),
    )


def _stand_ins(asked: _Candidates) -> tuple[Choice, ...]:
    selected = set(_reaching(asked))
    return _choices(asked, selected, "" if selected else "it does not stand in")


def _choices(found: _Candidates, selected: set[int], instead: str) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            found.members[position],
            found.healths[position],
            position in selected,
            _why(position, found, position in selected, instead),
            found.overrides[position],
        )
        for position in range(len(found.members))
    )


def _why(position: int, found: _Candidates, selected: bool, instead: str) -> str:
    state, override = found.healths[position], found.overrides[position]
    text = _HEALTH_TEXT[state] if override is None else _override_text(override)
    healthy = position in found.healthy
    if selected and not healthy:
        return f"{text}, answered because too few are healthy (fail open)"
    if selected and state is Health.PENDING:
        return f"{text}, answered because no other is healthy"
    if not selected and state is Health.PENDING and not healthy:
        return f"{text}, stays out until the first probes are through"
    if not selected and healthy and instead:
        return f"{text}, but too few are: {instead}"
    if not selected and healthy:
        return f"{text}, kept in reserve: a lower tier has enough"
    return text


def _override_text(override: Override) -> str:
    reason = f" ({override.reason})" if override.reason else ""
    return f"{override.state} by an operator's override{reason}"
