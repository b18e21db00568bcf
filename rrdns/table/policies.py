"""Policies: a host's addresses to the orders of its answers, which rotation steps through.

Each policy makes one endless sequence of leads of *all* of a host's addresses, the same whatever
their health, and leaves those out that are not selected. A variant's mark is its place in that
sequence; so a rotation can go on at the same place when the selection changes, and those that stay
selected lead as if nothing had happened.

No policy costs an executor anything: all end in at most 256 variants that it steps through.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from rrdns.table.rotation import ROUND

MAX_VARIANTS = 256
# About so many shuffled orders; more would only make a table larger.
_SHUFFLED = 64
# A place within a round is a time (48 bits) and, between equals, the address's number (16 bits).
_NUMBER_BITS = 16
_TIME_BITS = 48


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
    leads = [(start + turn) % count for turn in range(0, count, _stride(count))]
    return Orders(
        tuple(
            tuple(ring[place] for place in (places[lead:] + places[:lead])[:max_answers])
            for lead in leads
        ),
        tuple(places[lead] for lead in leads),
    )


def _stride(count: int) -> int:
    return -(-count // MAX_VARIANTS) or 1


# --- random -----------------------------------------------------------------------------------


def shuffled(
    ring: Sequence[bytes], selected: Collection[bytes], *, seed: bytes, max_answers: int
) -> Orders:
    """Return shuffled orders of the addresses in `selected`, each cut to `max_answers`.

    Each address leads once in a round, and has the same number of places in it. A round shuffles
    the list, and turns it to each of its addresses in shuffled order. For an equal `seed` (octets)
    and `ring` the orders are equal.
    """
    variants, marks = [], []
    for turn in range(_SHUFFLED // (len(ring) or 1) or 1):
        around = [address for address in _shuffle(ring, seed, 2 * turn) if address in selected]
        leads = {around[place]: place for place in range(0, len(around), _stride(len(around)))}
        for place, address in enumerate(_shuffle(ring, seed, 2 * turn + 1)):
            if address in leads:
                lead = leads[address]
                variants.append(tuple((around[lead:] + around[:lead])[:max_answers]))
                marks.append(turn * ROUND + place)
    return Orders(tuple(variants), tuple(marks))


def _shuffle(ring: Sequence[bytes], seed: bytes, number: int) -> list[bytes]:
    salt = blake2b(seed, digest_size=16, salt=number.to_bytes(16, "big")).digest()
    return sorted(ring, key=lambda address: blake2b(address, digest_size=8, key=salt).digest())


# --- weighted ---------------------------------------------------------------------------------


def weighted(
    weights: Mapping[bytes, int], selected: Collection[bytes], *, start: int, max_answers: int
) -> Orders:
    """Return orders in which each address of `selected` leads in proportion to its weight.

    The keys of `weights` are the distinct addresses that a host has. One of weight 0 leads only if
    all have it, and then as often as the others. Leads are spread out evenly. With a cut list
    those that do not lead an order have equal shares of the places after its lead. Weights that
    would need over 256 orders are approximated.
    """
    ring = tuple(weights)
    around = [address for address in ring if address in selected]
    shares = _shares(weights, around)
    schedule = list(_schedule(ring, shares))
    others, places = len(around) - 1, min(max_answers, len(around)) - 1
    # So many rounds until the places after the lead can be shared equally.
    rounds = others // (math.gcd(others, places) or 1) or 1
    rounds = max(1, min(rounds, MAX_VARIANTS // (len(schedule) or 1)))
    turns = [(turn * ROUND + mark, address) for turn in range(rounds) for mark, address in schedule]
    cut = start % (len(turns) or 1)
    turns = turns[cut:] + turns[:cut]
    leads = [address for _, address in turns]
    return Orders(tuple(_fill(around, leads, places)), tuple(mark for mark, _ in turns))


def _shares(weights: Mapping[bytes, int], selected: Sequence[bytes]) -> dict[bytes, int]:
    """Return how often each leads in a round of at most 256 leads."""
    # The same round for every selection keeps the marks of those that stay; so all weights count.
    divisor = math.gcd(*weights.values())
    found = {address: weights[address] // (divisor or 1) for address in selected}
    if not any(found.values()):
        found = dict.fromkeys(selected, 1)
    found = {address: weight for address, weight in found.items() if weight}
    if sum(found.values()) <= MAX_VARIANTS:
        return found
    divisor = math.gcd(*found.values())
    found = {address: weight // divisor for address, weight in found.items()}
    return found if sum(found.values()) <= MAX_VARIANTS else _approximate(found)


def _approximate(weights: Mapping[bytes, int]) -> dict[bytes, int]:
    """Return shares, 1 at least, that add up to at most 256 and whose worst error is the least."""
    heaviest = dict(sorted(weights.items(), key=lambda item: -item[1])[:MAX_VARIANTS])
    total = sum(heaviest.values())

    def error(shares: Mapping[bytes, int]) -> tuple[float, float]:
        leads = sum(shares.values())
        errors = [
            abs(shares[address] / leads - weight / total) for address, weight in heaviest.items()
        ]
        return max(errors), sum(errors)

    # Any smaller total has a multiple among these that shares alike.
    tried = (
        {address: max(1, round(weight * leads / total)) for address, weight in heaviest.items()}
        for leads in range(MAX_VARIANTS // 2, MAX_VARIANTS + 1)
    )
    fitting = [shares for shares in tried if sum(shares.values()) <= MAX_VARIANTS]
    return min(fitting, key=error, default=dict.fromkeys(heaviest, 1))


def _schedule(ring: Sequence[bytes], shares: Mapping[bytes, int]) -> Iterator[tuple[int, bytes]]:
    """Yield a round's leads with their marks, each address's at equal distances in time.

    Where in these distances an address's first lead is depends on its place in the ring, so that
    the leads of different addresses do not bunch up.
    """
    count = len(ring)
    events = [
        (((2 * count * turn + 2 * number + 1) << _TIME_BITS) // (2 * count * shares[address]),
         number, address)
        for number, address in enumerate(ring)
        if address in shares
        for turn in range(shares[address])
    ]  # fmt: skip
    for time, number, address in sorted(events):
        yield time << _NUMBER_BITS | number, address


def _fill(
    around: Sequence[bytes], leads: Sequence[bytes], places: int
) -> Iterator[tuple[bytes, ...]]:
    """Yield an order for each lead: it, and those to whom the next places are due.

    Of equals the next after the lead in the ring comes first.
    """
    others = {
        address: (*around[number + 1 :], *around[:number]) for number, address in enumerate(around)
    }
    if places == len(around) - 1:
        # All are answered each time, so nothing is due to anyone: the same objects will do.
        whole = {lead: (lead, *rest) for lead, rest in others.items()}
        yield from map(whole.__getitem__, leads)
        return
    due = dict.fromkeys(around, 0)
    for lead in leads:
        rest = others[lead]
        for address in rest:
            due[address] += places
        rest = tuple(sorted(rest, key=due.__getitem__, reverse=True)[:places])
        for address in rest:
            due[address] -= len(around) - 1
        yield (lead, *rest)
