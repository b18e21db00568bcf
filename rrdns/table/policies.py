"""Policies: a host's addresses to the orders of its answers, which rotation steps through.

Each policy makes one endless sequence of leads of *all* of a host's addresses, the same whatever
their health, and leaves those out that are not selected. A variant's mark is its place in that
sequence; so a rotation can go on at the same place when the selection changes, and those that stay
selected lead as if nothing had happened.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

MAX_VARIANTS = 256


@dataclass(frozen=True, slots=True)
class Orders:
    """The variants of one answer, and their marks; `rotation.continuation` says what those are."""

    variants: tuple[tuple[bytes, ...], ...]
    marks: tuple[int, ...]


def round_robin(
    ring: Sequence[bytes], selected: Collection[bytes], *, start: int, max_answers: int
) -> Orders:
    """Return the list turned by one at each step, each order cut to `max_answers` addresses.

    `ring` are the distinct addresses that a host has, of which those in `selected` are answered.
    Each of them leads once in a round, and with a cut list has the same number of places in it.
    The first order begins with the one of number `start` (modulo their number), so that hosts
    over the same nodes can start from different ones. With more than 256 addresses a step turns
    the list by so many that 256 orders go round.
    """
    places = [place for place, address in enumerate(ring) if address in selected]
    count = len(places)
    step = -(-count // MAX_VARIANTS) or 1
    leads = [(start + turn) % count for turn in range(0, count, step)]
    return Orders(
        tuple(
            tuple(ring[place] for place in (places[lead:] + places[:lead])[:max_answers])
            for lead in leads
        ),
        tuple(places[lead] for lead in leads),
    )
