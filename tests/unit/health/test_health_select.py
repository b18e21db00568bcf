"""Selection: one table for the design's five steps, then what must hold for any host."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.select_hosts import count, make_host, numbers, percent

from rrdns.health.select import select
from rrdns.model import Host, MinHealthy, Selection
from rrdns.targets import Family, Health, TargetKey


@pytest.mark.parametrize(
    ("members", "min_healthy", "selected", "failopen", "degraded"),
    [
        # step 1, one tier
        ("u", count(1), "1", False, False),
        ("u u u", count(1), "123", False, False),
        ("u d u", count(1), "13", False, False),
        ("d d u", count(1), "3", False, False),
        ("? d u", count(1), "13", False, False),
        ("? d d", count(1), "1", False, False),
        # step 5
        ("d", count(1), "1", True, True),
        ("d d d", count(1), "123", True, True),
        # the need
        ("u u d", count(2), "12", False, False),
        ("u d d", count(2), "123", True, False),
        ("u u u", count(9), "123", False, False),
        ("u u d", count(9), "123", True, False),
        ("u d d d", percent(25), "1", False, False),
        ("u d d d d", percent(25), "12345", True, False),
        ("u u d d d", percent(25), "12", False, False),
        ("u u d", percent(50), "12", False, False),
        ("u d d", percent(50), "123", True, False),
        ("u u", percent(100), "12", False, False),
        ("u d", percent(100), "12", True, False),
        ("u d", percent(300), "12", True, False),
        ("u u", percent(300), "12", False, False),
        # a need of none is a need of one
        ("u d", count(0), "1", False, False),
        ("d d", count(0), "12", True, True),
        ("d d", percent(0), "12", True, True),
        # tiers: steps 1, 2 and 5
        ("u 2u", count(1), "1", False, False),
        ("2u u", count(1), "2", False, False),
        ("9u u", count(1), "2", False, False),
        ("d 2u 3u", count(1), "2", False, False),
        ("d 2d 3u", count(1), "3", False, False),
        ("u u 2u", count(2), "12", False, False),
        ("u d 2u 2u", count(2), "34", False, False),
        ("u d 2u 2d", count(2), "13", False, False),
        ("u d 2u 2d 3d", count(3), "123", True, False),
        ("d d 2d", count(1), "12", True, True),
        ("5d 5d 7d", count(1), "12", True, True),
        ("2d 1d", count(1), "2", True, True),
        # targets that a reload added
        ("u p", count(1), "1", False, False),
        ("? p", count(1), "1", False, False),
        ("d p", count(1), "2", False, False),
        ("p", count(1), "1", False, False),
        ("p p", count(2), "12", False, False),
        ("d p", count(2), "12", True, False),
        ("u p p", count(3), "1", False, False),
        ("u p p", percent(100), "1", False, False),
        ("u d p", count(2), "12", True, False),
        ("p 2u", count(1), "2", False, False),
        ("p 2u 2d", count(2), "23", True, False),
    ],
)
def test_one_family(
    members: str, min_healthy: MinHealthy, selected: str, failopen: bool, degraded: bool
) -> None:
    host, healths = make_host(members, min_healthy=min_healthy)
    found = select(host, healths)[Family.IPV4]
    assert (numbers(found), found.failopen, found.degraded) == (selected, failopen, degraded)
    assert select(host, healths)[Family.IPV6] == Selection(host, Family.IPV6, (), False, False)
    turned, healths = make_host("", members, min_healthy)
    found = select(turned, healths)[Family.IPV6]
    assert (numbers(found), found.failopen, found.degraded) == (selected, failopen, degraded)


@pytest.mark.parametrize(
    ("v4", "v6", "min_healthy", "selected"),
    [
        ("u u", "u u", count(1), ("12", "12")),
        ("u u", "d u", count(1), ("12", "2")),
        ("u u", "d d", count(1), ("12", "")),
        ("d d", "d u", count(1), ("", "2")),
        ("d d", "d d", count(1), ("12", "12")),
        ("u u", "u d", count(2), ("12", "")),
        ("u d", "u d", count(2), ("12", "12")),
        ("d d", "p", count(1), ("", "1")),
        ("u", "p", count(1), ("1", "1")),
        ("d", "", count(1), ("1", "")),
    ],
)
def test_two_families(v4: str, v6: str, min_healthy: MinHealthy, selected: tuple[str, str]) -> None:
    found = select(*make_host(v4, v6, min_healthy))
    assert (numbers(found[Family.IPV4]), numbers(found[Family.IPV6])) == selected


def test_a_family_left_to_the_other_is_degraded_and_not_failopen() -> None:
    found = select(*make_host("u", "d d"))[Family.IPV6]
    assert (found.failopen, found.degraded) == (False, True)


# --- any host ---------------------------------------------------------------------------------


def test_a_target_without_a_health_is_unknown() -> None:
    host, _ = make_host("d d")
    found = select(host, {})[Family.IPV4]
    assert [choice.health for choice in found.choices] == [Health.UNKNOWN, Health.UNKNOWN]
    assert numbers(found) == "12"


def test_a_host_without_members_answers_nothing() -> None:
    host, healths = make_host("")
    for family, found in select(host, healths).items():
        assert found == Selection(host, family, (), failopen=False, degraded=False)


@pytest.mark.parametrize(
    ("v4", "v6", "min_healthy", "whys"),
    [
        ("u ? d", "", count(1), ["healthy", "unknown, counts as healthy", "down"]),
        (
            "u d",
            "",
            count(2),
            ["healthy", "down, answered because too few are healthy (fail open)"],
        ),
        (
            "u p",
            "",
            count(1),
            ["healthy", "new, without a verdict yet, stays out until the first probes are through"],
        ),
        (
            "d p",
            "",
            count(1),
            ["down", "new, without a verdict yet, answered because no other is healthy"],
        ),
        ("u 2u", "", count(1), ["healthy", "healthy, kept in reserve: a lower tier has enough"]),
        ("u d", "u u", count(2), ["healthy, but too few are: IPv6 answers alone", "down"]),
        (
            "d d 2d",
            "",
            count(1),
            ["down, answered because too few are healthy (fail open)"] * 2 + ["down"],
        ),
    ],
)
def test_whys(v4: str, v6: str, min_healthy: MinHealthy, whys: list[str]) -> None:
    found = select(*make_host(v4, v6, min_healthy))[Family.IPV4]
    assert [choice.why for choice in found.choices] == whys


WORDS = st.lists(
    st.tuples(st.sampled_from(["", "2", "3"]), st.sampled_from("ud?p")).map("".join), max_size=6
).map(" ".join)
NEEDS = st.builds(MinHealthy, st.integers(0, 120), st.booleans())


@settings(deadline=None)
@given(WORDS, WORDS, NEEDS)
def test_any_host(v4: str, v6: str, min_healthy: MinHealthy) -> None:
    host, healths = make_host(v4, v6, min_healthy)
    found = select(host, healths)
    for family, selection in found.items():
        check_family(host, family, selection, healths)
    if host.members:
        assert any(selection.selected for selection in found.values())
    for one, other in (tuple(found.values()), tuple(found.values())[::-1]):
        if one.choices and not one.selected:
            assert other.selected
            assert not other.failopen


def check_family(
    host: Host, family: Family, selection: Selection, healths: Mapping[TargetKey, Health]
) -> None:
    assert (selection.host, selection.family) == (host, family)
    assert tuple(choice.member for choice in selection.choices) == host.considered(family)
    states = [choice.health for choice in selection.choices]
    assert states == [healths[choice.member.target.key] for choice in selection.choices]
    healthy = [state in (Health.UP, Health.UNKNOWN) for state in states]
    for choice in selection.choices:
        assert choice.why
        if choice.selected and choice.health is Health.DOWN:
            assert selection.failopen
        if choice.selected and choice.health is Health.PENDING:
            assert not any(healthy)
    if selection.failopen:
        assert selection.selected
    if selection.degraded:
        assert states == [Health.DOWN] * len(states)
