"""Selection: which of its addresses a host answers with, and why (design, section 3).

Rules of this room: pure functions from a host and the effective states to selections. Nothing here
knows how a state came about, or how an answer is encoded or rotated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rrdns.model import Choice, Host, Member, MinHealthy, Selection
from rrdns.targets import Family, Health, TargetKey

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
    healths: tuple[Health, ...]
    considered: tuple[int, ...]
    healthy: tuple[int, ...]
    need: int


def select(host: Host, healths: Mapping[TargetKey, Health]) -> Mapping[Family, Selection]:
    """Return a host's selection in both families; a target without a health is unknown.

    With need = min(number considered, `min_healthy`): (1) the healthy addresses of the
    lowest-numbered tier that has some and reaches it; (2) else the healthy ones of all tiers, if
    they do; (4) else none, if the other family got an answer by these; (5) else all addresses of
    the lowest tier and all healthy ones. So a host with members answers in at least one family,
    with a `min_healthy` of 0 too.
    """
    candidates = {family: _candidates(host, family, healths) for family in Family}
    reached = {family: _reaching(found) for family, found in candidates.items()}
    return {
        family: _selection(
            host, family, candidates[family], reached[family], reached[_OTHER[family]]
        )
        for family in Family
    }


def _candidates(host: Host, family: Family, healths: Mapping[TargetKey, Health]) -> _Candidates:
    members = host.considered(family)
    states = tuple(healths.get(member.target.key, Health.UNKNOWN) for member in members)
    pending = _positions(states, Health.PENDING)
    healthy = _positions(states, Health.UP, Health.UNKNOWN)
    considered = tuple(range(len(members)))
    if healthy:
        considered = tuple(position for position in considered if position not in pending)
    else:
        healthy = pending
    return _Candidates(members, states, considered, healthy, _need(host.min_healthy, considered))


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
    found: _Candidates,
    reached: tuple[int, ...],
    reached_by_other: tuple[int, ...],
) -> Selection:
    failopen = bool(found.members) and not reached and not reached_by_other
    selected = set(reached)
    if failopen:
        lowest = min(found.members[position].tier for position in found.considered)
        selected = {*_of_tier(found, found.considered, lowest), *found.healthy}
    left_to_other = _FAMILY_TEXT[_OTHER[family]] if not reached and not failopen else ""
    return Selection(
        host=host,
        family=family,
        choices=tuple(
            Choice(
                member,
                state,
                position in selected,
                _why(position, state, found, position in selected, left_to_other),
            )
            for position, (member, state) in enumerate(
                zip(found.members, found.healths, strict=True)
            )
        ),
        failopen=failopen,
        degraded=bool(found.members) and not found.healthy,
    )


def _why(
    position: int, state: Health, found: _Candidates, selected: bool, left_to_other: str
) -> str:
    text = _HEALTH_TEXT[state]
    healthy = position in found.healthy
    if selected and not healthy:
        return f"{text}, answered because too few are healthy (fail open)"
    if selected and state is Health.PENDING:
        return f"{text}, answered because no other is healthy"
    if not selected and state is Health.PENDING and not healthy:
        return f"{text}, stays out until the first probes are through"
    if not selected and healthy and left_to_other:
        return f"{text}, but too few are: {left_to_other} answers alone"
    if not selected and healthy:
        return f"{text}, kept in reserve: a lower tier has enough"
    return text
