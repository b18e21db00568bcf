"""Rotation: the steps of each host through the orders of its answers, across tables."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rrdns.names import Name
from rrdns.table.table import Rotor

# A mark is a place within a round of a policy's sequence, and above that the round's number.
ROUND = 1 << 64


def continuation(old: Rotor, new: Rotor, led: Mapping[bytes, int] = {}) -> tuple[int, ...]:
    """Return where a new rotor goes on for each position of the old one's next step.

    A position is a turn modulo the number of leads; an old turn is taken modulo the length of what
    is returned, and the answer is the new turn. The new rotor goes on after the place at which the
    old one was in the sequence that their policy makes of all of a host's addresses. So with a node
    that flaps, even at every query, the others lead as they would without it. Where no address
    stays (another tier, a fallback) it goes on with the one that has led least for its share; `led`
    says how often each address has led this host.
    """
    if old.leads == new.leads:
        return tuple(range(len(old.leads) or 1))
    if not set(old.leads) & set(new.leads):
        return (_least_led(new, led),)
    rounds = max(new.marks) // ROUND + 1
    order = sorted(range(len(new.marks)), key=new.marks.__getitem__)
    marks = [new.marks[position] for position in order]
    return tuple(
        order[bisect_right(marks, old.marks[position - 1] % (rounds * ROUND)) % len(order)]
        for position in range(len(old.leads))
    )


def _least_led(rotor: Rotor, led: Mapping[bytes, int]) -> int:
    shares = Counter(rotor.leads)
    return min(
        range(len(rotor.leads)),
        key=lambda position: led.get(rotor.leads[position], 0) / shares[rotor.leads[position]],
        default=0,
    )


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
        leads = self.leads()
        starts = tuple(self._start(rotor, first, leads) for rotor in rotors)
        numbers = {(rotor.host, rotor.rrtype): number for number, rotor in enumerate(rotors)}
        return Rotation(rotors, numbers, starts, list(starts), leads)

    def _start(self, rotor: Rotor, first: int, leads: Mapping[tuple[Name, bytes], int]) -> int:
        number = self.numbers.get((rotor.host, rotor.rrtype))
        if number is None:
            return first
        old, turn = self.rotors[number], self.turns[number]
        if old.leads == rotor.leads:
            return turn
        led = {address: leads.get((rotor.host, address), 0) for address in set(rotor.leads)}
        positions = continuation(old, rotor, led)
        return positions[turn % len(positions)]

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
            # Those that never led are told too.
            rounds, rest = divmod(turn - start, len(rotor.leads) or 1)
            for address, times in Counter(rotor.leads).items():
                leads[rotor.host, address] += rounds * times
            first = start % (len(rotor.leads) or 1)
            for address in (rotor.leads * 2)[first : first + rest]:
                leads[rotor.host, address] += 1
        return leads
