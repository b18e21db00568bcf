"""An operator's overrides: whom a pattern means, what an order changes, when an override ends.

Rules of this room: pure functions over mappings that nobody changes in place. Times are unix
seconds and arguments. What an override does to an answer is selection's business.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rrdns.errors import RrdnsError
from rrdns.health.select import Overrides
from rrdns.model import Selection, Snapshot
from rrdns.names import to_text
from rrdns.settings import Config
from rrdns.targets import Override, Verdict

# A node and a role of it; None is the whole node.
Place = tuple[str, str | None]

_NEAR = 3
# Likeness is dear: among more names than this an operator has a list anyway.
_NEAR_AMONG = 1000
_LISTED = 8


class NoSuchNodeError(RrdnsError):
    """A pattern matches nothing that the configuration has; tells what is near."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator wants: `state` of all that `pattern` matches, None for what probes say.

    `pattern` is NAME or NAME/ROLE, with globs in both parts. `seconds` is for how long, None until
    it is lifted.
    """

    pattern: str
    state: Verdict | None
    seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one place's override; None is none."""

    place: Place
    was: Override | None
    now: Override | None


@dataclass(frozen=True, slots=True)
class Done:
    """What an order came to: `not_kept` tells why a restart would not find it, None where it would.

    `warnings` are the hosts that it left in trouble, a line each.
    """

    changes: tuple[Change, ...]
    not_kept: str | None
    warnings: tuple[str, ...]


def place_text(place: Place) -> str:
    """Return a place as an operator writes it: ``server1`` or ``server1/primary``."""
    node, role = place
    return node if role is None else f"{node}/{role}"


def known_roles(config: Config) -> dict[str, tuple[str, ...]]:
    """Return the roles of each node, and of each host with addresses of its own."""
    found = {node.name: tuple(node.roles) for node in config.nodes}
    for host in config.hosts():
        # All members of a host are its own, or none is.
        for member in host.members[:1]:
            if member.node == to_text(host.name).removesuffix("."):
                roles = found.get(member.node, ())
                found[member.node] = tuple(dict.fromkeys((*roles, member.role)))
    return found


def carried_out(
    overrides: Overrides, order: Order, roles: Mapping[str, Sequence[str]], unix_now: float
) -> dict[Place, Override]:
    """Return the overrides after an order; `roles` are those that the configuration has.

    An order for a whole node replaces what its roles had. Lifting also finds nodes that the
    configuration has no more. Raises NoSuchNodeError.
    """
    if order.state is None:
        return _without(overrides, _matching(order.pattern, _with_overridden(roles, overrides)))
    places = _matching(order.pattern, roles)
    until = None if order.seconds is None else unix_now + order.seconds
    override = Override(order.state, unix_now, until, order.reason)
    return {**_without(overrides, places), **dict.fromkeys(places, override)}


def still_held(
    overrides: Overrides, order: Order, roles: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield a line for each role that an order lifts, but whose node's override goes on."""
    if order.state is not None:
        return
    for node, role in _matching(order.pattern, _with_overridden(roles, overrides)):
        if role is not None and (node, None) in overrides:
            state = overrides[node, None].state
            yield f"{node}/{role} stays {state}, as the whole node is: rrdns node auto {node}"


def _without(overrides: Overrides, places: Iterable[Place]) -> dict[Place, Override]:
    gone = set(places)
    return {
        (node, role): override
        for (node, role), override in overrides.items()
        if (node, role) not in gone and (node, None) not in gone
    }


def _with_overridden(
    roles: Mapping[str, Sequence[str]], overrides: Overrides
) -> dict[str, Sequence[str]]:
    found = dict(roles)
    for node, role in overrides:
        own = () if role is None else (role,)
        found[node] = tuple(dict.fromkeys((*found.get(node, ()), *own)))
    return found


# --- patterns ---------------------------------------------------------------------------------


def _matching(pattern: str, roles: Mapping[str, Sequence[str]]) -> list[Place]:
    name, slash, role = pattern.partition("/")
    # Hosts with addresses of their own are known without the final dot.
    wanted = name.removesuffix(".")
    nodes = [node for node in roles if fnmatchcase(node, wanted)]
    if not nodes:
        raise NoSuchNodeError(f"no node matches {name!r}: {_hint(wanted, list(roles))}")
    if not slash:
        return [(node, None) for node in nodes]
    places: list[Place] = [
        (node, own) for node in nodes for own in roles[node] if fnmatchcase(own, role)
    ]
    if not places:
        known = list(dict.fromkeys(own for node in nodes for own in roles[node]))
        whose = nodes[0] if len(nodes) == 1 else f"the nodes that match {name!r}"
        raise NoSuchNodeError(f"no role of {whose} matches {role!r}: {_hint(role, known)}")
    return places


def _hint(wanted: str, names: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in names[:_NEAR_AMONG]}
    near = difflib.get_close_matches(wanted.lower(), by_lower, _NEAR)
    if near:
        return f"did you mean {_listed([by_lower[name] for name in near], 'or')}?"
    if len(names) > _LISTED:
        return f"there are {', '.join(names[:_LISTED])} and {len(names) - _LISTED} more"
    return f"there {'is' if len(names) == 1 else 'are'} {_listed(names, 'and')}"


def _listed(names: Sequence[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


# --- time -------------------------------------------------------------------------------------


def remaining_seconds(override: Override, unix_now: float) -> float | None:
    """Return how long an override still holds: None until it is lifted, 0 or less for an ended one.

    Never longer than it was asked for: a clock that was set back does not prolong it.
    """
    if override.until is None:
        return None
    return min(override.until - unix_now, override.until - override.since)


def unexpired(overrides: Overrides, unix_now: float) -> dict[Place, Override]:
    """Return those that still hold."""
    return {
        place: override
        for place, override in overrides.items()
        if (left := remaining_seconds(override, unix_now)) is None or left > 0
    }


# --- what an order did ------------------------------------------------------------------------


def changes(before: Overrides, after: Overrides) -> tuple[Change, ...]:
    """Return what differs: first what is new or other, in the order of `after`, then what is gone.

    An override that was set again counts, since its times are others.
    """
    new = [
        Change(place, before.get(place), override)
        for place, override in after.items()
        if before.get(place) != override
    ]
    gone = [Change(place, was, None) for place, was in before.items() if place not in after]
    return (*new, *gone)


def override_of(overrides: Overrides, node: str, role: str) -> tuple[Place, Override] | None:
    """Return the override that holds for one role of a node, and for what it was set."""
    for place in ((node, role), (node, None)):
        if place in overrides:
            return place, overrides[place]
    return None


def idle(overrides: Overrides, config: Config) -> list[Place]:
    """Return the places of overrides that the configuration does not have, or not any more."""
    # Most of the time there is none, and a large configuration is long to look through.
    roles = known_roles(config) if overrides else {}
    return [
        (node, role)
        for node, role in overrides
        if node not in roles or (role is not None and role not in roles[node])
    ]


def troubles(before: Snapshot, after: Snapshot, nodes: Iterable[str]) -> Iterator[str]:
    """Yield a line for each host with a member of `nodes` that became degraded or fail-open."""
    touched = set(nodes)
    for key, answer in after.answers.items():
        selection = answer.selection
        choices = (*selection.choices, *selection.stand_ins)
        if not any(choice.member.node in touched for choice in choices):
            continue
        was = before.answers.get(key)
        if words := _trouble(selection, None if was is None else was.selection):
            yield f"{to_text(selection.host.name)} {selection.family}: {words}"


def _trouble(now: Selection, was: Selection | None) -> str:
    words = []
    if now.degraded and not (was is not None and was.degraded):
        words.append("degraded: none of its own addresses is healthy")
    if now.failopen and not (was is not None and was.failopen):
        words.append("fail open: too few are healthy, so others are answered too")
    return "; ".join(words)
