"""The agenda: whose turn it is."""

import random

import pytest

from rrdns.health.agenda import Agenda
from rrdns.targets import Check, TargetKey


def key(number: int) -> TargetKey:
    return TargetKey(f"192.0.2.{number}", 25, Check.EHLO)


def taken(agenda: Agenda, now: float) -> list[int]:
    """The numbers of all that are due, in the order of their turns."""
    found = []
    while (due := agenda.take(now)) is not None:
        found.append(int(due[0].address.rpartition(".")[2]))
    return found


def test_turns_come_in_the_order_of_their_times() -> None:
    agenda = Agenda()
    numbers = list(range(100))
    random.Random(1).shuffle(numbers)
    for number in numbers:
        agenda.plan(key(number), number / 10)
    assert agenda.next_at() == 0
    assert agenda.take(0.05) == (key(0), 0)
    assert agenda.take(0.05) is None
    assert agenda.next_at() == 0.1
    assert taken(agenda, 5.0) == list(range(1, 51))
    assert taken(agenda, 50.0) == list(range(51, 100))
    assert agenda.next_at() is None
    assert agenda.take(1000) is None


def test_the_urgent_go_first_among_those_that_are_due() -> None:
    agenda = Agenda()
    for number in range(10):
        agenda.plan(key(number), number, urgent=number in (3, 5, 9))
    assert agenda.take(6) == (key(3), 3)
    assert agenda.behind_seconds(6) == 6
    # What becomes due meanwhile takes its place among those in line.
    agenda.plan(key(3), 5.5, urgent=True)
    assert taken(agenda, 8) == [5, 3, 0, 1, 2, 4, 6, 7, 8]
    assert taken(agenda, 9) == [9]


def test_a_target_has_one_plan() -> None:
    agenda = Agenda()
    agenda.plan(key(1), 1)
    agenda.plan(key(1), 3)
    agenda.plan(key(2), 2)
    assert agenda.next_at() == 2
    assert taken(agenda, 2) == [2]
    assert taken(agenda, 3) == [1]
    agenda.plan(key(1), 4)
    agenda.plan(key(2), 4)
    agenda.plan(key(3), 4)
    # In line already, and then given up or put off.
    assert agenda.take(5) == (key(1), 4)
    agenda.forget(key(2))
    agenda.plan(key(3), 7)
    agenda.forget(key(9))
    assert agenda.take(6) is None
    assert taken(agenda, 7) == [3]
    agenda.plan(key(1), 8)
    agenda.forget(key(1))
    assert agenda.next_at() is None


def test_waiting_in_line() -> None:
    agenda = Agenda()
    assert agenda.behind_seconds(5) == 0
    agenda.plan(key(1), 3)
    agenda.plan(key(2), 4)
    assert agenda.behind_seconds(2) == 0
    assert agenda.behind_seconds(5) == 2
    assert [agenda.waiting_seconds(key(number), 5) for number in (1, 2, 3)] == [2, 1, 0]
    assert agenda.waiting_seconds(key(1), 2) == 0
    assert agenda.take(5) == (key(1), 3)
    assert agenda.behind_seconds(6) == 2


@pytest.mark.parametrize("times", [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
def test_the_calmest_time(times: list[float]) -> None:
    agenda = Agenda()
    assert agenda.calmest(times) == times[0]
    for number in range(3):
        agenda.plan(key(number), 1.01)
    agenda.plan(key(3), 3.01)
    assert agenda.calmest(times) == 2.0
    agenda.plan(key(4), 2.01)
    agenda.plan(key(5), 2.01)
    assert agenda.calmest(times) == 3.0
    taken(agenda, 3)
    assert agenda.calmest(times) == times[0 if times[0] == 1 else 1]
