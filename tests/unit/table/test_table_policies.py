"""Policies: who leads how often, in which order, and with which share of the places."""

from collections import Counter
from itertools import pairwise
from math import gcd

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rrdns.table.policies import MAX_VARIANTS, Orders, round_robin, shuffled, weighted

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


@settings(deadline=None)
@given(st.integers(1, MAX_VARIANTS), st.integers(0, 1000), st.integers(1, 255))
def test_each_leads_once_and_has_the_same_places(count: int, start: int, max_answers: int) -> None:
    ring = addresses(count)
    variants = round_robin(ring, ring, start=start, max_answers=max_answers).variants
    assert sorted(variant[0] for variant in variants) == ring
    places = Counter(address for variant in variants for address in variant)
    assert set(places.values()) == {min(count, max_answers)}
    assert all(len(variant) == len(set(variant)) for variant in variants)


@settings(deadline=None)
@given(st.integers(MAX_VARIANTS + 1, 2000), st.integers(0, 3000))
def test_over_256_addresses_each_has_a_place(count: int, start: int) -> None:
    ring = addresses(count)
    variants = round_robin(ring, ring, start=start, max_answers=8).variants
    assert len(variants) <= MAX_VARIANTS
    leads = [variant[0] for variant in variants]
    assert len(set(leads)) == len(leads)
    assert {address for variant in variants for address in variant} == set(ring)


# --- random -----------------------------------------------------------------------------------


def places_of(orders: Orders) -> Counter[bytes]:
    return Counter(address for variant in orders.variants for address in variant)


def leads_of(orders: Orders) -> Counter[bytes]:
    return Counter(variant[0] for variant in orders.variants)


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_shuffled_gives_all_equal_leads_and_places(count: int, data: st.DataObject) -> None:
    ring = addresses(count)
    selected = data.draw(st.sets(st.sampled_from(ring), min_size=1).map(sorted))
    max_answers = data.draw(st.integers(1, 12))
    orders = shuffled(ring, selected, seed=b"seed", max_answers=max_answers)
    assert 1 <= len(orders.variants) <= MAX_VARIANTS
    assert len(set(orders.marks)) == len(orders.marks) == len(orders.variants)
    assert all(len(variant) == len(set(variant)) for variant in orders.variants)
    assert {len(variant) for variant in orders.variants} == {min(max_answers, len(selected))}
    if len(selected) <= MAX_VARIANTS:
        assert leads_of(orders).keys() == set(selected) == places_of(orders).keys()
        assert len(set(leads_of(orders).values())) == len(set(places_of(orders).values())) == 1
        return
    assert len(leads_of(orders)) == len(orders.variants)
    assert set(places_of(orders)) <= set(selected)


def test_shuffled_with_over_256_addresses_has_a_place_for_each() -> None:
    ring = addresses(2000)
    orders = shuffled(ring, ring, seed=b"", max_answers=8)
    assert len(orders.variants) == 250
    assert places_of(orders) == dict.fromkeys(ring, 1)


def test_shuffled_is_decided_by_its_seed() -> None:
    ring = addresses(5)
    one = shuffled(ring, ring, seed=b"one", max_answers=8)
    assert one == shuffled(ring, ring, seed=b"one", max_answers=8)
    assert one != shuffled(ring, ring, seed=b"two", max_answers=8)


def test_shuffled_has_many_orders_and_followers() -> None:
    ring = addresses(4)
    orders = shuffled(ring, ring, seed=b"", max_answers=8)
    assert len(orders.variants) == 64
    assert len(set(orders.variants)) >= 20
    followers = Counter(variant[:2] for variant in orders.variants)
    assert len(followers) == 12
    # No two rounds have the same order of leads, or the sequence would repeat after one.
    leads = [variant[0] for variant in orders.variants]
    assert len({tuple(leads[start : start + 4]) for start in range(0, 64, 4)}) >= 8


def test_shuffled_leads_do_not_go_round_their_own_list() -> None:
    ring = addresses(4)
    variants = shuffled(ring, ring, seed=b"", max_answers=8).variants
    followed = [one[1] == other[0] for one, other in pairwise(variants)]
    # Turning one list would have each lead's follower lead next.
    assert 0.1 < sum(followed) / len(followed) < 0.6


def test_nothing_to_shuffle() -> None:
    assert shuffled((), (), seed=b"", max_answers=8) == Orders((), ())
    assert shuffled(ABC, (), seed=b"", max_answers=8) == Orders((), ())
    assert set(shuffled(ABC, (b"b",), seed=b"", max_answers=8).variants) == {(b"b",)}


# --- weighted ---------------------------------------------------------------------------------


def weigh(*weights: int, max_answers: int = 8, start: int = 0, without: str = "") -> Orders:
    """Return the orders of the addresses a, b, c with these weights."""
    found = {bytes([97 + number]): weight for number, weight in enumerate(weights)}
    selected = [address for address in found if address not in without.encode()]
    return weighted(found, selected, start=start, max_answers=max_answers)


def letters(orders: Orders) -> str:
    return b"".join(variant[0] for variant in orders.variants).decode()


@pytest.mark.parametrize(
    ("weights", "leads"),
    [
        ((1, 1, 1), "abc"),
        ((50, 50, 50), "abc"),
        ((2, 1), "aab"),
        ((2, 1, 1), "abac"),
        ((20, 10, 10), "abac"),
        ((5, 1, 1), "aaabaac"),
        ((3, 2), "abaab"),
        ((1, 0, 1), "ac"),
        ((0, 0, 0), "abc"),
        ((0, 7), "b"),
        ((7,), "a"),
        ((0,), "a"),
    ],
)
def test_leads_follow_weights_and_are_spread(weights: tuple[int, ...], leads: str) -> None:
    assert letters(weigh(*weights)) == leads


def test_the_others_follow_in_the_order_of_the_list() -> None:
    assert weigh(1, 1, 1).variants == round_robin(ABC, ABC, start=0, max_answers=8).variants


def test_equal_weights_have_equal_places_however_few_there_are() -> None:
    places = places_of(weigh(2, 1, 1, max_answers=2))
    assert places[b"b"] == places[b"c"] == places[b"a"] - 1 == 5


def test_weight_0_never_leads_but_is_answered() -> None:
    assert weigh(2, 0, 1).variants == ((b"a", b"b", b"c"), (b"a", b"b", b"c"), (b"c", b"a", b"b"))


@pytest.mark.parametrize(
    ("without", "leads"), [("a", "bc"), ("b", "aac"), ("ac", "b"), ("abc", "")]
)
def test_those_that_stay_keep_their_proportion(without: str, leads: str) -> None:
    assert letters(weigh(2, 1, 1, without=without)) == leads


def test_weighted_starts_where_it_is_told() -> None:
    assert [letters(weigh(2, 1, 1, start=start)) for start in (1, 3, 4)] == ["baca", "caba", "abac"]


WEIGHTS = st.lists(
    st.one_of(st.sampled_from([0, 1, 100]), st.integers(0, 100)), min_size=1, max_size=20
)


@given(WEIGHTS, st.integers(1, 12), st.integers(0, 300))
@settings(deadline=None)
def test_any_weights(weights: list[int], max_answers: int, start: int) -> None:
    orders = weigh(*weights, max_answers=max_answers, start=start)
    effective = weights if any(weights) else [1] * len(weights)
    total = sum(effective)
    leads, places = leads_of(orders), places_of(orders)
    assert len(orders.variants) <= MAX_VARIANTS
    assert len(set(orders.marks)) == len(orders.marks) == len(orders.variants)
    assert {len(set(variant)) for variant in orders.variants} == {min(max_answers, len(weights))}
    assert {len(variant) for variant in orders.variants} == {min(max_answers, len(weights))}
    count = len(orders.variants)
    for number, weight in enumerate(effective):
        address = bytes([97 + number])
        assert (leads[address] > 0) == (weight > 0)
        # Exact where 256 orders are enough; else no worse than the steps between them.
        error = leads[address] / count - weight / total
        assert abs(error) < (1e-9 if total <= MAX_VARIANTS else 0.01)
        # What is left of the places is shared equally by those that do not lead.
        others = len(weights) - 1
        share = (count - leads[address]) * (min(max_answers, len(weights)) - 1) / (others or 1)
        assert abs(places[address] - leads[address] - share) < 1


@settings(deadline=None)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=6))
def test_over_10000_queries_leads_keep_to_the_weights_within_2_percent(weights: list[int]) -> None:
    orders = weigh(*weights)
    assume(sum(weights) // gcd(*weights) <= MAX_VARIANTS)
    leads = Counter(orders.variants[step % len(orders.variants)][0] for step in range(10_000))
    for number, weight in enumerate(weights):
        due = 10_000 * weight / sum(weights)
        assert abs(leads[bytes([97 + number])] - due) <= max(1, 0.02 * due)


@pytest.mark.parametrize(
    "weights", [(100, 100, 100), (97, 89, 83), (100, 99, 98, 97), (90, 80, 70, 60, 50)]
)
def test_weights_that_need_too_many_orders_are_met_within_2_percent(weights: tuple[int]) -> None:
    orders = weigh(*weights)
    for number, weight in enumerate(weights):
        share = leads_of(orders)[bytes([97 + number])] / len(orders.variants)
        assert share == pytest.approx(weight / sum(weights), rel=0.02)


def test_the_best_approximation_is_taken() -> None:
    # Tried out here over all possible shares of the leads.
    def error(one: int, both: int) -> float:
        total = one + 2 * both
        return max(abs(one / total - 98 / 300), abs(both / total - 101 / 300))

    best = min(error(one, both) for one in range(1, 257) for both in range(1, (256 - one) // 2 + 1))
    leads = leads_of(weigh(98, 101, 101))
    assert leads[b"b"] == leads[b"c"]
    assert error(leads[b"a"], leads[b"b"]) == pytest.approx(best)


@given(WEIGHTS)
@settings(deadline=None)
def test_leads_do_not_bunch_up(weights: list[int]) -> None:
    leads = letters(weigh(*weights, max_answers=1))
    shares = Counter(leads)
    for address, share in shares.items():
        steps = [step for step, lead in enumerate(leads * 2) if lead == address]
        gaps = [later - earlier for earlier, later in pairwise(steps)]
        # While one waits for its next lead no other has more than its share and one.
        most = sum(-(-other // share) + 1 for lead, other in shares.items() if lead != address)
        assert max(gaps) <= most + 1


def test_over_256_addresses_the_heaviest_lead_and_each_has_a_place() -> None:
    ring = addresses(2000)
    weights = {address: 1 + (number >= 1900) for number, address in enumerate(ring)}
    orders = weighted(weights, ring, start=0, max_answers=9)
    assert len(orders.variants) == MAX_VARIANTS
    assert set(ring[1900:]) <= set(leads_of(orders))
    assert set(places_of(orders)) == set(ring)


def test_nothing_to_weigh() -> None:
    assert weighted({}, (), start=3, max_answers=8) == Orders((), ())
