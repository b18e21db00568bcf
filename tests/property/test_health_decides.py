"""Whatever results come in, whatever operators say: states and selections keep their promises."""

from collections.abc import Mapping
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from support.dns_strategies import configs, members, needs, overrides

from rrdns.health.select import Overrides, select
from rrdns.health.state import health, lapse, lapse_seconds, new_state, step
from rrdns.model import Host, Member, Selection
from rrdns.names import from_text
from rrdns.settings import Config
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import Table
from rrdns.targets import (
    Family,
    Health,
    ProbeResult,
    ProbeSettings,
    Reason,
    TargetKey,
    Verdict,
)

# The same examples every time: a change that fails, fails on every machine.
BOUNDED = settings(max_examples=60, deadline=None, derandomize=True)
MANY = settings(max_examples=300, deadline=None, derandomize=True)
RESULTS = {
    "+": ProbeResult(Reason.OK),
    "-": ProbeResult(Reason.TIMEOUT, "banner"),
    ".": ProbeResult(Reason.LOCAL, "connect"),
}


# --- states -----------------------------------------------------------------------------------


@given(st.text(alphabet="+-.z", max_size=120), st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_flapping_makes_one_transition_for_each_fall_and_rise_at_most(
    history: str, fall: int, rise: int, added_by_reload: bool
) -> None:
    config = ProbeSettings(fall=fall, rise=rise)
    state, now = new_state(0.0, added_by_reload), 0.0
    since_transition = {"+": 0, "-": 0}
    for letter in history:
        # A "z" is a silence that outlasts every verdict.
        now += 2 * lapse_seconds(config) if letter == "z" else 1.0
        before = state
        state = (
            lapse(state, now, config)
            if letter == "z"
            else step(state, RESULTS[letter], now, config)
        )
        if letter in since_transition:
            since_transition[letter] += 1
        if state.verdict is before.verdict:
            assert state.since == before.since
            continue
        assert state.since == now
        if state.verdict is Verdict.DOWN:
            assert since_transition["-"] >= fall
        elif before.verdict is Verdict.DOWN and state.verdict is Verdict.UP:
            assert since_transition["+"] >= rise
        elif state.verdict is Verdict.UNKNOWN:
            assert letter == "z"
        since_transition = {"+": 0, "-": 0}


@MANY
@given(st.text(alphabet="+-.z", max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_enough_results_in_a_row_decide_whatever_came_before(
    history: str, fall: int, rise: int
) -> None:
    config = ProbeSettings(fall=fall, rise=rise)
    for last, wanted in (("-" * fall, Health.DOWN), ("+" * rise, Health.UP)):
        state = new_state(0.0)
        for now, letter in enumerate(history.replace("z", "") + last):
            state = step(state, RESULTS[letter], float(now), config)
        assert health(state) is wanted


# --- selections -------------------------------------------------------------------------------


@st.composite
def worlds(draw: DrawFn) -> tuple[Host, Host | None, dict[TargetKey, Health], Overrides]:
    """A host, sometimes its fallback, any states, and what operators said."""
    fallback = draw(st.one_of(st.none(), st.builds(
        Host, st.just(from_text("mx3.test.")), members(), min_healthy=needs
    )))  # fmt: skip
    host = Host(
        from_text("mx1.test."),
        draw(members()),
        min_healthy=draw(needs),
        fallback=None if fallback is None else fallback.name,
    )
    keys = [one.target.key for one in (*host.members, *(fallback.members if fallback else ()))]
    found = {key: draw(st.sampled_from(list(Health))) for key in dict.fromkeys(keys)}
    return host, fallback, found, draw(overrides())


def _effective(member: Member, found: Mapping[TargetKey, Health], said: Overrides) -> Health:
    for place in ((member.node, member.role), (member.node, None)):
        if place in said:
            return Health(said[place].state.value)
    return found[member.target.key]


def _addresses(members_of: list[Member]) -> set[str]:
    return {member.target.address for member in members_of}


class Written:
    """The design's five steps, written down once more and as plainly as can be."""

    def __init__(self, found: Mapping[TargetKey, Health], said: Overrides) -> None:
        self.found, self.said = found, said

    def healthy(self, host: Host, family: Family) -> list[Member]:
        all_of_them = host.considered(family)
        good = (Health.UP, Health.UNKNOWN)
        pending = (Health.PENDING,)
        for wanted in (good, pending):
            these = [m for m in all_of_them if _effective(m, self.found, self.said) in wanted]
            if these:
                return these
        return []

    def considered(self, host: Host, family: Family) -> list[Member]:
        states = {m: _effective(m, self.found, self.said) for m in host.considered(family)}
        if {Health.UP, Health.UNKNOWN} & set(states.values()):
            return [m for m, state in states.items() if state is not Health.PENDING]
        return list(states)

    def need(self, host: Host, family: Family) -> int:
        count, wanted = len(self.considered(host, family)), host.min_healthy.value
        return max(
            1, min(count, ceil(count * wanted / 100) if host.min_healthy.percent else wanted)
        )

    def by_steps_1_and_2(self, host: Host, family: Family) -> set[str]:
        healthy, need = self.healthy(host, family), self.need(host, family)
        for tier in range(1, 101):
            of_tier = [m for m in healthy if m.tier == tier]
            if len(of_tier) >= need:
                return _addresses(of_tier)
        return _addresses(healthy) if len(healthy) >= need else set()

    def by_steps_1_to_3(self, host: Host, fallback: Host | None, family: Family) -> set[str]:
        own = self.by_steps_1_and_2(host, family)
        if own or fallback is None or not host.considered(family):
            return own
        return self.by_steps_1_and_2(fallback, family)

    def answer(self, host: Host, fallback: Host | None, family: Family) -> set[str]:
        reached = {one: self.by_steps_1_to_3(host, fallback, one) for one in Family}
        if any(reached.values()) or not host.considered(family):
            return reached[family]
        lowest = min(m.tier for m in self.considered(host, family))
        of_lowest = [m for m in self.considered(host, family) if m.tier == lowest]
        return _addresses(of_lowest) | _addresses(self.healthy(host, family))


@MANY
@given(worlds())
def test_a_selection_is_what_the_design_says(
    world: tuple[Host, Host | None, dict[TargetKey, Health], Overrides],
) -> None:
    host, fallback, found, said = world
    written = Written(found, said)
    for family, selection in select(host, found, said, fallback).items():
        assert _addresses(list(selection.selected)) == written.answer(host, fallback, family)
        assert selection.degraded == (
            bool(host.considered(family)) and not written.healthy(host, family)
        )
        _check_promises(selection, written.need(host, family))


def _check_promises(selection: Selection, need: int) -> None:
    up = [one for one in selection.choices if one.health in (Health.UP, Health.UNKNOWN)]
    for choice in (*selection.choices, *selection.stand_ins):
        assert choice.why
        if choice.selected and choice.health is Health.DOWN:
            # Only a host that fails open answers with what is down, and never while enough are up.
            assert selection.failopen
            assert len(up) < need
    assert not (selection.failopen and selection.by_fallback)
    assert selection.failopen <= bool(selection.selected)
    if selection.by_fallback:
        assert not any(choice.selected for choice in selection.choices)


@MANY
@given(worlds())
def test_a_host_answers_in_at_least_one_family(
    world: tuple[Host, Host | None, dict[TargetKey, Health], Overrides],
) -> None:
    host, fallback, found, said = world
    selections = select(host, found, said, fallback)
    assert any(selection.selected for selection in selections.values())
    for family, selection in selections.items():
        if not host.considered(family):
            assert selection.selected == ()


@MANY
@given(worlds(), st.data())
def test_what_gets_healthier_is_never_taken_out_for_it(
    world: tuple[Host, Host | None, dict[TargetKey, Health], Overrides], data: st.DataObject
) -> None:
    host, fallback, found, said = world
    risen = data.draw(st.sampled_from(host.members))
    before = select(host, found, said, fallback)[risen.target.family]
    better = {**found, risen.target.key: Health.UP}
    after = select(host, better, said, fallback)[risen.target.family]
    # The first verdict on a new target ends the leave that it and others like it had.
    pending = _effective(risen, found, said) is Health.PENDING
    if risen in before.selected and not before.failopen and not pending:
        assert risen in after.selected


# --- batches ----------------------------------------------------------------------------------


def _after(config: Config, events: list[tuple[int, str]], said: Overrides, every: bool) -> Table:
    """Return the table after results of targets by number, published after `every` one or once."""
    keys = [target.key for target in config.targets]
    states = {key: new_state(0.0) for key in keys}
    table = compile_table(make_snapshot(config, {}), 1)
    for count, (number, letter) in enumerate(events, start=1):
        states[keys[number]] = step(states[keys[number]], RESULTS[letter], 1.0, ProbeSettings())
        if every or count == len(events):
            found = {key: health(state) for key, state in states.items()}
            snapshot = make_snapshot(config, found, overrides=said, previous=table.snapshot)
            table = compile_table(snapshot, 1, table)
    return table


@BOUNDED
@given(st.data())
def test_the_order_of_events_in_a_batch_does_not_matter(data: st.DataObject) -> None:
    config = data.draw(configs())
    said = data.draw(overrides())
    numbers = st.integers(0, max(0, len(config.targets) - 1))
    results = st.tuples(numbers, st.sampled_from("++---."))
    events = data.draw(st.lists(results, max_size=16 if config.targets else 0))
    # Those of one target keep their order among themselves.
    waiting = {number: [one for one in events if one[0] == number] for number, _ in events}
    mixed = [waiting[number].pop(0) for number, _ in data.draw(st.permutations(events))]
    one, other = _after(config, events, said, every=True), _after(config, mixed, said, every=False)
    assert one.snapshot.answers == other.snapshot.answers
    assert one.names == other.names
    assert one.rotors == other.rotors
