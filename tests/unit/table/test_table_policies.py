from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrdns.table.policies import MAX_VARIANTS, round_robin

ABC = (b"a", b"b", b"c")


def addresses(count: int) -> list[bytes]:
    return [number.to_bytes(4, "big") for number in range(count)]


def test_turns_the_list_by_one() -> None:
    assert round_robin(ABC, ABC, start=0, max_answers=8).variants == (
        (b"a", b"b", b"c"),
        (b"b", b"c", b"a"),
        (b"c", b"a", b"b"),
    )


def test_turns_what_is_selected() -> None:
    orders = round_robin(ABC, {b"a", b"c"}, start=1, max_answers=8)
    assert orders.variants == ((b"c", b"a"), (b"a", b"c"))
    assert orders.marks == (2, 0)


@pytest.mark.parametrize(("start", "first"), [(0, b"a"), (1, b"b"), (2, b"c"), (3, b"a")])
def test_starts_where_it_is_told(start: int, first: bytes) -> None:
    assert round_robin(ABC, ABC, start=start, max_answers=8).variants[0][0] == first


def test_nothing_to_turn() -> None:
    assert round_robin(ABC, (), start=3, max_answers=8).variants == ()
    assert round_robin(ABC, (b"a",), start=3, max_answers=8).variants == ((b"a",),)


@given(st.integers(1, MAX_VARIANTS), st.integers(0, 1000), st.integers(1, 255))
def test_each_leads_once_and_has_the_same_places(count: int, start: int, max_answers: int) -> None:
    ring = addresses(count)
    variants = round_robin(ring, ring, start=start, max_answers=max_answers).variants
    assert sorted(variant[0] for variant in variants) == ring
    places = Counter(address for variant in variants for address in variant)
    assert set(places.values()) == {min(count, max_answers)}
    assert all(len(variant) == len(set(variant)) for variant in variants)


@given(st.integers(MAX_VARIANTS + 1, 2000), st.integers(0, 3000))
def test_over_256_addresses_each_has_a_place(count: int, start: int) -> None:
    ring = addresses(count)
    variants = round_robin(ring, ring, start=start, max_answers=8).variants
    assert len(variants) <= MAX_VARIANTS
    leads = [variant[0] for variant in variants]
    assert len(set(leads)) == len(leads)
    assert {address for variant in variants for address in variant} == set(ring)
