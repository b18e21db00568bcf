"""Rotation: a host's addresses to the orders of its answers, and the steps through them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rrdns.names import Name
from rrdns.table.table import Rotor

MAX_VARIANTS = 256


def round_robin(
    addresses: Sequence[bytes], *, start: int, max_answers: int
) -> tuple[tuple[bytes, ...], ...]:
    """Return the list turned by one at each step, each order cut to `max_answers` addresses.

    Every address leads once in a round, and with a cut list has the same number of places in it.
    The first order begins with address number `start` (modulo their number), so that hosts over
    the same nodes can start from different ones. With more than 256 addresses a step turns the
    list by so many that 256 orders go round.
    """
    count = len(addresses)
    step = -(-count // MAX_VARIANTS) or 1
    turned = (
        [*addresses[lead:], *addresses[:lead]]
        for lead in ((start + turn) % count for turn in range(0, count, step))
    )
    return tuple(tuple(order[:max_answers]) for order in turned)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Where each rotor of a table began and is, and who led under the tables before it.

    `turns` is the one thing that moves: an executor counts in it, others may read it.
    """

    rotors: tuple[Rotor, ...]
    numbers: Mapping[tuple[Name, int], int]
    starts: tuple[int, ...]
    turns: list[int]
    earlier: Counter[tuple[Name, bytes]]

    @classmethod
    def none(cls) -> "Rotation":
        """Return the rotation of no table."""
        return cls((), {}, (), [], Counter())

    def followed_by(self, rotors: tuple[Rotor, ...], first: int) -> "Rotation":
        """Return the rotation of the next table; rotors that are new begin at step `first`."""
        starts = tuple(
            first if number is None else self.turns[number]
            for rotor in rotors
            for number in (self.numbers.get((rotor.host, rotor.rrtype)),)
        )
        numbers = {(rotor.host, rotor.rrtype): number for number, rotor in enumerate(rotors)}
        return Rotation(rotors, numbers, starts, list(starts), self.leads())

    def turn(self, host: Name, rrtype: int) -> int:
        """Return the step of a host's rotation, and go on to the next."""
        number = self.numbers[host, rrtype]
        turn = self.turns[number]
        self.turns[number] = turn + 1
        return turn

    def leads(self) -> Counter[tuple[Name, bytes]]:
        """Return how often each packed address led the answers of each host."""
        leads = Counter(self.earlier)
        for rotor, start, turn in zip(self.rotors, self.starts, self.turns, strict=True):
            count = len(rotor.leads)
            for index, address in enumerate(rotor.leads):
                # How many of start..turn-1 are `index` modulo `count`.
                served = (turn - index - 1) // count - (start - index - 1) // count
                leads[rotor.host, address] += served
        return leads
