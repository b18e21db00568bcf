"""Rotation goes on across tables: whoever stays leads as if nothing had happened."""

from collections import Counter
from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st

from rrdns.names import Name, from_text
from rrdns.rrtypes import A
from rrdns.table.policies import round_robin
from rrdns.table.rotation import Rotation, continuation
from rrdns.table.table import Rotor

HOST: Name = from_text("mx1.example.com.")
RING = tuple(b"abcdef")
NAMES = tuple(bytes([octet]) for octet in RING)


def rotor(selected: Collection[bytes], start: int = 0) -> Rotor:
    orders = round_robin(NAMES, selected, start=start, max_answers=8)
    return Rotor(HOST, A, tuple(variant[0] for variant in orders.variants), orders.marks)


def of(text: str) -> Rotor:
    return rotor([bytes([octet]) for octet in text.encode()])


def lead(rotation: Rotation) -> bytes:
    (found,) = rotation.rotors
    return found.leads[rotation.turn(HOST, A) % len(found.leads)]


def test_equal_leads_go_on_where_they_are() -> None:
    assert continuation(of("abc"), of("abc")) == (0, 1, 2)


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


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 5), st.lists(st.sets(st.sampled_from("bdf")), max_size=60))
def test_those_that_stay_lead_equally_whoever_flaps(start: int, flapping: list[set[str]]) -> None:
    rotation = Rotation.none()
    seen: Counter[bytes] = Counter()
    for also in flapping:
        selected = {*NAMES[::2], *(name.encode() for name in also)}
        rotation = rotation.followed_by((rotor(selected, start),), 0)
        seen[lead(rotation)] += 1
        assert {key[1]: count for key, count in rotation.leads().items() if count} == seen
    stayed = [seen[name] for name in NAMES[::2]]
    assert max(stayed) - min(stayed) <= 1


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
