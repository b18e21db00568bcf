"""Selection: one table for the design's five steps, then what must hold for any host."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdns.health.select import Overrides, select
from rrdns.model import Host, Member, MinHealthy, Selection
from rrdns.names import from_text
from rrdns.targets import Family, Health, Override, ProbeSettings, Target, TargetKey, Verdict

ONE = MinHealthy()
LETTERS = {"u": Health.UP, "d": Health.DOWN, "?": Health.UNKNOWN, "p": Health.PENDING}


def make_host(
    v4: str, v6: str = "", min_healthy: MinHealthy = ONE
) -> tuple[Host, dict[TargetKey, Health]]:
    """Return a host and its healths from words such as ``u d 2u``: a tier (1) and a state each."""
    members: list[Member] = []
    healths: dict[TargetKey, Health] = {}
    for form, words in (("192.0.2.{}", v4), ("2001:db8::{}", v6)):
        for number, word in enumerate(words.split(), start=1):
            target = Target(form.format(number), ProbeSettings())
            tier = int(word[:-1] or 1)
            members.append(Member(f"server{number}", "primary", target, tier=tier))
            healths[target.key] = LETTERS[word[-1]]
    return Host(from_text("mx1.example.com."), tuple(members), min_healthy=min_healthy), healths


def numbers(selection: Selection) -> str:
    """Return the selected addresses by their last digits."""
    return "".join(member.target.address[-1] for member in selection.selected)


def count(value: int) -> MinHealthy:
    return MinHealthy(value)


def percent(value: int) -> MinHealthy:
    return MinHealthy(value, percent=True)


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


# --- the fallback -----------------------------------------------------------------------------


def make_fallback(
    v4: str, v6: str = "", min_healthy: MinHealthy = ONE
) -> tuple[Host, dict[TargetKey, Health]]:
    """Return a host whose addresses end in 5, 6, 7, and its healths."""
    host, _ = make_host(f"u u u u {v4}", f"u u u u {v6}", min_healthy)
    _, healths = make_host(f"u u u u {v4}", f"u u u u {v6}")
    members = tuple(member for member in host.members if member.target.address[-1] > "4")
    name = from_text("mx3.example.com.")
    return Host(name, members, min_healthy=min_healthy), healths


@pytest.mark.parametrize(
    ("own", "fallback", "selected", "failopen"),
    [
        (("u", ""), ("u u", "u"), ("1", ""), False),
        (("d", ""), ("u u", "u"), ("56", ""), False),
        (("d", ""), ("u d", ""), ("5", ""), False),
        (("d", ""), ("d 2u 2d", ""), ("6", ""), False),
        (("d", ""), ("? p", ""), ("5", ""), False),
        (("d", ""), ("d d", "u"), ("1", ""), True),
        (("d", "d"), ("u", ""), ("5", ""), False),
        (("d", "d"), ("d", "u"), ("", "5"), False),
        (("d", "d"), ("u", "u"), ("5", "5"), False),
        (("d", "d"), ("d", "d"), ("1", "1"), True),
        (("d", "u"), ("u", "u"), ("5", "1"), False),
        (("d", "u"), ("d", "u"), ("", "1"), False),
        # what a reload added comes before the fallback
        (("p", ""), ("u", ""), ("1", ""), False),
    ],
)
def test_the_fallback_stands_in(
    own: tuple[str, str], fallback: tuple[str, str], selected: tuple[str, str], failopen: bool
) -> None:
    other, others_healths = make_fallback(*fallback)
    host, healths = make_host(*own)
    host = replace(host, fallback=other.name)
    found = select(host, {**others_healths, **healths}, {}, other)
    assert tuple(map(numbers, found.values())) == selected
    for one, text, states in zip(found.values(), selected, own, strict=True):
        assert one.by_fallback == ("5" in text or "6" in text)
        assert one.failopen == (failopen and bool(states))
        assert one.degraded == (states == "d")


def test_the_fallback_must_reach_its_own_need_and_the_host_its_own() -> None:
    other, others_healths = make_fallback("u d", min_healthy=count(2))
    host, healths = make_host("u d", min_healthy=count(2))
    host = replace(host, fallback=other.name)
    found = select(host, {**others_healths, **healths}, {}, other)[Family.IPV4]
    assert (numbers(found), found.failopen, found.by_fallback) == ("12", True, False)
    found = select(host, {**others_healths, **healths}, {}, replace(other, min_healthy=ONE))[
        Family.IPV4
    ]
    assert (numbers(found), found.failopen, found.by_fallback) == ("5", False, True)
    # One of the host's own is healthy: it is not degraded.
    assert not found.degraded


def test_the_fallbacks_own_fallback_is_not_asked() -> None:
    other, others_healths = make_fallback("d")
    host, healths = make_host("d")
    other = replace(other, fallback=from_text("mx9.example.com."))
    found = select(replace(host, fallback=other.name), {**others_healths, **healths}, {}, other)
    assert numbers(found[Family.IPV4]) == "1"


def test_why_the_fallback_stands_in_or_does_not() -> None:
    other, others_healths = make_fallback("u d 2u")
    host, healths = make_host("u d", min_healthy=count(2))
    host = replace(host, fallback=other.name)
    found = select(host, {**others_healths, **healths}, {}, other)[Family.IPV4]
    assert [choice.why for choice in (*found.choices, *found.stand_ins)] == [
        "healthy, but too few are: mx3.example.com. stands in",
        "down",
        "healthy",
        "down",
        "healthy, kept in reserve: a lower tier has enough",
    ]
    other = replace(other, min_healthy=count(3))
    found = select(host, {**others_healths, **healths}, {}, other)[Family.IPV4]
    assert [(choice.selected, choice.why) for choice in (*found.choices, *found.stand_ins)] == [
        (True, "healthy"),
        (True, "down, answered because too few are healthy (fail open)"),
        (False, "healthy, but too few are: it does not stand in"),
        (False, "down"),
        (False, "healthy, but too few are: it does not stand in"),
    ]


# --- overrides --------------------------------------------------------------------------------


UP, DOWN = Override(Verdict.UP, 1.0), Override(Verdict.DOWN, 2.0, 3.0, "new disks")


@pytest.mark.parametrize(
    ("overrides", "selected"),
    [
        ({}, "1"),
        ({("server1", None): DOWN}, "12"),
        ({("server2", None): UP}, "12"),
        ({("server1", "primary"): DOWN, ("server2", "primary"): UP}, "2"),
        ({("server1", "primary"): UP, ("server1", None): DOWN}, "1"),
        ({("server1", "primary"): DOWN, ("server1", None): UP, ("server2", None): UP}, "2"),
        ({("server1", "secondary"): DOWN, ("server3", None): DOWN}, "1"),
    ],
)
def test_an_override_beats_the_probes(overrides: Overrides, selected: str) -> None:
    host, healths = make_host("u d")
    found = select(host, healths, overrides)[Family.IPV4]
    assert numbers(found) == selected
    for choice in found.choices:
        said = overrides.get((choice.member.node, "primary")) or overrides.get(
            (choice.member.node, None)
        )
        assert choice.override == said
        if said is not None:
            assert choice.health is Health(said.state.value)
            assert choice.why.startswith(f"{said.state} by an operator's override")
            assert ("(new disks)" in choice.why) == (said is DOWN)


def test_an_overridden_target_is_no_longer_pending() -> None:
    host, healths = make_host("u p")
    found = select(host, healths, {("server2", None): UP})[Family.IPV4]
    assert numbers(found) == "12"


def test_all_down_by_override_fails_open() -> None:
    host, healths = make_host("u u")
    overrides = {(node, None): DOWN for node in ("server1", "server2")}
    found = select(host, healths, overrides)[Family.IPV4]
    assert (numbers(found), found.failopen, found.degraded) == ("12", True, True)
    assert found.choices[0].why == (
        "down by an operator's override (new disks),"
        " answered because too few are healthy (fail open)"
    )


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
