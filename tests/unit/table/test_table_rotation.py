"""Rotation goes on across tables: whoever stays leads as if nothing had happened."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdns.names import Name, from_text
from rrdns.rrtypes import A
from rrdns.table.policies import Orders, round_robin, shuffled, weighted
from rrdns.table.rotation import Rotation, continuation
from rrdns.table.table import Rotor

HOST: Name = from_text("mx1.example.com.")
NAMES = tuple(bytes([octet]) for octet in b"abcdef")
WEIGHTS = dict(zip(NAMES, (3, 1, 2, 5, 1, 0), strict=True))
HALVES = dict(zip(NAMES, (4, 1, 2, 3, 2, 1), strict=True))
POLICIES: Mapping[str, Callable[[Collection[bytes], int], Orders]] = {
    "round-robin": lambda selected, start: round_robin(NAMES, selected, start=start, max_answers=8),
    "random": lambda selected, start: shuffled(NAMES, selected, seed=b"", max_answers=8),
    "weighted": lambda selected, start: weighted(WEIGHTS, selected, start=start, max_answers=8),
    "weighted, halves": lambda selected, start: weighted(
        HALVES, selected, start=start, max_answers=8
    ),
    "weighted, cut": lambda selected, start: weighted(
        WEIGHTS, selected, start=start, max_answers=2
    ),
}
every_policy = pytest.mark.parametrize("policy", POLICIES)


@cache
def rotor(selected: frozenset[bytes], start: int = 0, policy: str = "round-robin") -> Rotor:
    orders = POLICIES[policy](selected, start)
    return Rotor(HOST, A, tuple(variant[0] for variant in orders.variants), orders.marks)


def of(text: str) -> Rotor:
    return rotor(frozenset(bytes([octet]) for octet in text.encode()))


def lead(rotation: Rotation) -> bytes:
    (found,) = rotation.rotors
    return found.leads[rotation.turn(HOST, A) % len(found.leads)]


def test_equal_leads_go_on_where_they_are() -> None:
    assert continuation(of("abc"), of("abc")) == (0, 1, 2)


def test_equal_leads_go_on_where_they_are_though_a_reload_numbers_them_anew() -> None:
    old = of("abc")
    assert continuation(old, replace(old, marks=(5, 6, 7))) == (0, 1, 2)


def test_after_the_last_leader_comes_the_next_in_the_ring() -> None:
    # Positions of the next step: a, b, c, d; the last leaders were d, a, b, c.
    assert continuation(of("abcd"), of("abd")) == (0, 1, 2, 2)
    assert continuation(of("abd"), of("abcd")) == (0, 1, 2)
    assert continuation(of("abd"), of("acd")) == (0, 1, 1)


def test_where_nobody_stays_the_one_with_the_fewest_leads_is_next() -> None:
    assert continuation(of("ab"), of("cd"), {b"c": 3, b"d": 2}) == (1,)
    assert continuation(of("ab"), of("cd"), {b"d": 2}) == (0,)
    assert continuation(of(""), of("cd"), {b"c": 1}) == (1,)
    assert continuation(of("ab"), of("")) == (0,)
    assert continuation(of(""), of("")) == (0,)


def test_the_fewest_leads_are_counted_by_share() -> None:
    new = Rotor(HOST, A, (b"c", b"c", b"d"), (0, 1, 2))
    assert continuation(of("ab"), new, {b"c": 3, b"d": 2}) == (0,)
    assert continuation(of("ab"), new, {b"c": 5, b"d": 2}) == (2,)


def test_leads_of_several_rounds_are_counted() -> None:
    found = rotor(frozenset(NAMES), 0, "weighted")
    rotation = Rotation.none().followed_by((found,), 5)
    seen = Counter(lead(rotation) for _ in range(31))
    assert {key[1]: count for key, count in rotation.leads().items()} == seen
    assert sum(seen.values()) == 31


@every_policy
@settings(deadline=None, derandomize=True)
@given(start=st.integers(0, 5), flapping=st.lists(st.sets(st.sampled_from("bdf")), max_size=100))
def test_those_that_stay_lead_for_their_share_whoever_flaps(
    policy: str, start: int, flapping: list[set[str]]
) -> None:
    rotation = Rotation.none()
    seen: Counter[bytes] = Counter()
    for also in flapping:
        selected = frozenset({*NAMES[::2], *(name.encode() for name in also)})
        rotation = rotation.followed_by((rotor(selected, start, policy),), 0)
        seen[lead(rotation)] += 1
        assert {key[1]: count for key, count in rotation.leads().items() if count} == seen
    check_shares(policy, seen)


def check_shares(policy: str, seen: Counter[bytes]) -> None:
    """In any stretch of its sequence each has led for its share, but for less than one lead."""
    given = HALVES if policy == "weighted, halves" else WEIGHTS
    weights = {name: given[name] if "weighted" in policy else 1 for name in NAMES[::2]}
    for one, other in permutations(weights, 2):
        ahead = seen[one] / weights[one] - seen[other] / weights[other]
        assert ahead < 1 / weights[one] + 1 / weights[other] - 1e-9


@every_policy
@pytest.mark.parametrize("every", [1, 2, 3, 4, 5, 7])
def test_a_node_that_flaps_in_step_with_the_queries(policy: str, every: int) -> None:
    rotation = Rotation.none()
    seen: Counter[bytes] = Counter()
    for query in range(1200):
        flapping = b"d" if query // every % 2 else b"ace"
        selected = frozenset({b"a", b"c", b"e", bytes([flapping[0]])})
        rotation = rotation.followed_by((rotor(selected, 0, policy),), 0)
        seen[lead(rotation)] += 1
    check_shares(policy, seen)
    assert seen[b"d"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ab", "cdef", ""]), max_size=60))
def test_sets_that_take_turns_lead_equally_in_each(sets: list[str]) -> None:
    rotation = Rotation.none()
    for text in sets:
        rotation = rotation.followed_by((of(text),), 0)
        if text:
            lead(rotation)
    for group in ("ab", "cdef"):
        leads = [rotation.leads()[HOST, name.encode()] for name in group]
        assert max(leads) - min(leads) <= 1


def test_a_new_host_begins_where_it_is_told() -> None:
    rotation = Rotation.none().followed_by((of("abc"),), 2)
    assert lead(rotation) == b"c"
    assert lead(rotation) == b"a"
