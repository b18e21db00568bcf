from dataclasses import replace

import pytest
from support.web_views import APEX, host, make_view, member

from rrdns.health.overrides import (
    Change,
    NoSuchNodeError,
    Order,
    Place,
    carried_out,
    changes,
    idle,
    known_roles,
    override_of,
    place_text,
    remaining_seconds,
    still_held,
    troubles,
    unexpired,
)
from rrdns.health.select import Overrides
from rrdns.model import Contents, Node, Snapshot, Zone
from rrdns.names import from_text
from rrdns.settings import Config
from rrdns.targets import Health, Override, Verdict

NOW = 1_764_000_000.0
ROLES = {
    "server1": ("primary", "secondary"),
    "server2": ("primary", "secondary"),
    "lab": ("primary",),
    "mx4.example.com": ("address",),
}
WHOLE = Override(Verdict.DOWN, NOW - 60)
PRIMARY = Override(Verdict.UP, NOW - 30, NOW + 30, "it is fine")


def order(pattern: str, state: Verdict | None = Verdict.DOWN) -> Order:
    return Order(pattern, state)


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("server1", [("server1", None)]),
        ("server1/primary", [("server1", "primary")]),
        ("server*", [("server1", None), ("server2", None)]),
        ("server[2-9]", [("server2", None)]),
        ("*/primary", [("server1", "primary"), ("server2", "primary"), ("lab", "primary")]),
        ("server1/*", [("server1", "primary"), ("server1", "secondary")]),
        ("mx4.example.com", [("mx4.example.com", None)]),
        ("mx4.example.com./addr*", [("mx4.example.com", "address")]),
    ],
)
def test_a_pattern_means_nodes_or_roles(pattern: str, places: list[Place]) -> None:
    done = carried_out({}, Order(pattern, Verdict.DOWN, 7200.0, "new disks"), ROLES, NOW)
    override = Override(Verdict.DOWN, NOW, NOW + 7200, "new disks")
    assert done == dict.fromkeys(places, override)


def test_without_a_time_it_holds_until_it_is_lifted() -> None:
    (override,) = carried_out({}, order("lab", Verdict.UP), ROLES, NOW).values()
    assert override == Override(Verdict.UP, NOW, None, "")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("servr1", "no node matches 'servr1': did you mean server1 or server2?"),
        ("SERVER2", "no node matches 'SERVER2': did you mean server2 or server1?"),
        ("zzz", "no node matches 'zzz': there are server1, server2, lab and mx4.example.com"),
        ("", "no node matches '': there are server1, server2, lab and mx4.example.com"),
        ("lab/seconary", "no role of lab matches 'seconary': there is primary"),
        (
            "server?/primry",
            "no role of the nodes that match 'server?' matches 'primry': did you mean primary?",
        ),
        ("lab/", "no role of lab matches '': there is primary"),
        ("lab/primary/x", "no role of lab matches 'primary/x': did you mean primary?"),
    ],
)
def test_what_matches_nothing_is_told_with_what_is_near(pattern: str, message: str) -> None:
    for state in (Verdict.DOWN, Verdict.UP, None):
        with pytest.raises(NoSuchNodeError) as caught:
            carried_out({}, order(pattern, state), ROLES, NOW)
        assert str(caught.value) == message


def test_of_many_nodes_some_are_named() -> None:
    roles = {f"node{number}": ("primary",) for number in range(20)}
    with pytest.raises(NoSuchNodeError, match=r"there are node0, node1, .* node7 and 12 more$"):
        carried_out({}, order("zzz"), roles, NOW)


def test_an_order_for_a_node_replaces_what_its_roles_had() -> None:
    before: Overrides = {("server1", "primary"): PRIMARY, ("server2", "primary"): PRIMARY}
    after = carried_out(before, order("server1"), ROLES, NOW)
    assert set(after) == {("server1", None), ("server2", "primary")}


def test_an_order_for_a_role_stands_beside_that_for_its_node() -> None:
    after = carried_out({("server1", None): WHOLE}, order("server1/primary"), ROLES, NOW)
    assert set(after) == {("server1", None), ("server1", "primary")}
    assert after["server1", None] is WHOLE


def test_auto_lifts_a_node_with_all_its_roles_and_a_role_alone() -> None:
    before = {("server1", None): WHOLE, ("server1", "primary"): PRIMARY, ("lab", None): WHOLE}
    assert carried_out(before, order("server1", None), ROLES, NOW) == {("lab", None): WHOLE}
    after = carried_out(before, order("server1/primary", None), ROLES, NOW)
    assert set(after) == {("server1", None), ("lab", None)}
    # What has no override needs none lifted.
    assert carried_out(before, order("server2", None), ROLES, NOW) == before


def test_auto_finds_nodes_that_the_configuration_has_no_more() -> None:
    before = {("gone", None): WHOLE, ("gone", "primary"): PRIMARY, ("lab", "old"): PRIMARY}
    assert set(carried_out(before, order("gone/primary", None), ROLES, NOW)) == {
        ("gone", None),
        ("lab", "old"),
    }
    assert carried_out(before, order("*", None), ROLES, NOW) == {}
    with pytest.raises(NoSuchNodeError):
        carried_out(before, order("gone"), ROLES, NOW)


def test_what_the_whole_node_holds_is_told_when_a_role_is_lifted() -> None:
    overrides: Overrides = {("server1", None): WHOLE, ("server2", "primary"): PRIMARY}
    line = "server1/primary stays down, as the whole node is: rrdns node auto server1"
    assert list(still_held(overrides, order("server?/primary", None), ROLES)) == [line]
    assert list(still_held(overrides, order("server1", None), ROLES)) == []
    assert list(still_held(overrides, order("server1/primary"), ROLES)) == []


# --- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unix_now", "left"),
    [(NOW, 30.0), (NOW + 29, 1.0), (NOW + 30, 0.0), (NOW + 1000, -970.0), (NOW - 86400, 60.0)],
)
def test_an_override_never_holds_longer_than_was_asked_for(unix_now: float, left: float) -> None:
    assert remaining_seconds(PRIMARY, unix_now) == left
    assert remaining_seconds(WHOLE, unix_now) is None
    kept = unexpired({("a", None): PRIMARY, ("b", None): WHOLE}, unix_now)
    assert set(kept) == ({("a", None), ("b", None)} if left > 0 else {("b", None)})


# --- what an order did ------------------------------------------------------------------------


def test_changes_are_what_is_new_and_what_is_gone() -> None:
    before: Overrides = {("a", None): WHOLE, ("b", None): WHOLE, ("c", "x"): PRIMARY}
    again = replace(WHOLE, since=NOW)
    after: Overrides = {("a", None): WHOLE, ("b", None): again, ("d", None): PRIMARY}
    assert changes(before, after) == (
        Change(("b", None), WHOLE, again),
        Change(("d", None), None, PRIMARY),
        Change(("c", "x"), PRIMARY, None),
    )


def test_a_roles_override_beats_its_nodes() -> None:
    overrides = {("a", None): WHOLE, ("a", "primary"): PRIMARY}
    assert override_of(overrides, "a", "primary") == (("a", "primary"), PRIMARY)
    assert override_of(overrides, "a", "secondary") == (("a", None), WHOLE)
    assert override_of(overrides, "b", "primary") is None


def test_places_are_written_as_they_are_typed() -> None:
    assert place_text(("server1", None)) == "server1"
    assert place_text(("server1", "primary")) == "server1/primary"


# --- configurations and snapshots -------------------------------------------------------------

MX1 = host(
    "mx1.example.com.",
    member("server1", "primary", "192.0.2.11"),
    member("server2", "primary", "192.0.2.21"),
)
OWN = host("mx4.example.com.", member("mx4.example.com", "address", "203.0.113.10"))


def config() -> Config:
    nodes = (Node("server1", {"primary": (), "secondary": ()}), Node("mx1.example.com", {"x": ()}))
    return replace(make_view(MX1, OWN).config, nodes=nodes)


def test_roles_are_those_of_nodes_and_of_hosts_own_addresses() -> None:
    assert known_roles(config()) == {
        "server1": ("primary", "secondary"),
        "mx1.example.com": ("x",),
        "mx4.example.com": ("address",),
    }


def test_a_host_named_like_a_node_adds_its_own_role() -> None:
    own = host("mx1.example.com.", member("mx1.example.com", "address", "192.0.2.9"))
    empty = host("mx2.example.com.")
    prefixes = {one.name.removesuffix(APEX): one for one in (own, empty)}
    zone = next(iter(config().zones.values()))
    contents = Contents(zone.contents.soa, {}, prefixes)
    made = replace(config(), zones={APEX: Zone(APEX, contents)})
    assert known_roles(made)["mx1.example.com"] == ("x", "address")


def test_overrides_of_what_is_not_there_are_idle() -> None:
    overrides = {
        ("server1", None): WHOLE,
        ("server1", "primary"): WHOLE,
        ("server1", "old"): WHOLE,
        ("gone", None): WHOLE,
    }
    assert idle(overrides, config()) == [("server1", "old"), ("gone", None)]


def snapshot(out: dict[str, Health], failopen: bool = False) -> Snapshot:
    return make_view(MX1, OWN, out=out, failopen=failopen).snapshot


ALL_DOWN = dict.fromkeys(("192.0.2.11", "192.0.2.21"), Health.DOWN)


def test_a_host_that_an_order_leaves_without_addresses_is_told_of_once() -> None:
    fine, broken = snapshot({}), snapshot(ALL_DOWN, failopen=True)
    line = (
        "mx1.example.com. ipv4: degraded: none of its own addresses is healthy;"
        " fail open: too few are healthy, so others are answered too"
    )
    assert list(troubles(fine, broken, ["server1"])) == [line]
    assert list(troubles(broken, broken, ["server1"])) == []
    assert list(troubles(fine, fine, ["server1"])) == []
    # Only one of the two is new.
    degraded = snapshot(ALL_DOWN)
    assert list(troubles(degraded, broken, ["server2"])) == [
        "mx1.example.com. ipv4: fail open: too few are healthy, so others are answered too"
    ]
    assert list(troubles(fine, broken, ["lab"])) == []
    # The node may be one of the fallback's.
    answers = {
        key: replace(answer, selection=replace(answer.selection, choices=(), stand_ins=own))
        for key, answer in broken.answers.items()
        for own in (answer.selection.choices,)
    }
    assert list(troubles(fine, replace(broken, answers=answers), ["server1"])) == [line]
    # A reload in between may have added the host.
    without = replace(fine, answers={(from_text("other."), 1): next(iter(fine.answers.values()))})
    assert list(troubles(without, broken, ["server1"])) == [line]
