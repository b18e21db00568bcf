"""Selection: the fallback host's part in it, and an operator's."""

from dataclasses import replace

import pytest
from support.select_hosts import ONE, count, make_host, numbers

from rrdns.health.select import Overrides, select
from rrdns.model import Host, MinHealthy
from rrdns.names import from_text
from rrdns.targets import Family, Health, Override, TargetKey, Verdict

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
    overrides: Overrides = {(node, None): DOWN for node in ("server1", "server2")}
    found = select(host, healths, overrides)[Family.IPV4]
    assert (numbers(found), found.failopen, found.degraded) == ("12", True, True)
    assert found.choices[0].why == (
        "down by an operator's override (new disks),"
        " answered because too few are healthy (fail open)"
    )
