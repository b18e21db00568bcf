"""The state machine of one target: tables first, then what must hold for any history."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdns.health.state import (
    TargetState,
    health,
    lapse,
    lapse_seconds,
    new_state,
    next_interval_seconds,
    step,
    unprobed_state,
)
from rrdns.targets import Check, Health, ProbeResult, ProbeSettings, Reason, Verdict

SETTINGS = ProbeSettings()
OK = ProbeResult(Reason.OK, code=250, text="mx ready")
FAILED = ProbeResult(Reason.UNREACHABLE, "connect")
LOCAL = ProbeResult(Reason.LOCAL, "connect")
LETTERS = {"+": OK, "-": FAILED, ".": LOCAL}


def after(history: str, settings: ProbeSettings = SETTINGS, reload: bool = False) -> TargetState:
    """Return the state after results at the times 1, 2, 3..."""
    state = new_state(0.0, reload)
    for now, letter in enumerate(history, start=1):
        state = step(state, LETTERS[letter], float(now), settings)
    return state


@pytest.mark.parametrize(
    ("history", "verdict", "since"),
    [
        ("", Verdict.UNKNOWN, 0),
        ("+", Verdict.UP, 1),
        ("++", Verdict.UP, 1),
        ("-", Verdict.UNKNOWN, 0),
        ("--", Verdict.DOWN, 2),
        ("---", Verdict.DOWN, 2),
        ("-+", Verdict.UP, 2),
        ("+-", Verdict.UP, 1),
        ("+--", Verdict.DOWN, 3),
        ("+-+-+-", Verdict.UP, 1),
        ("--+", Verdict.DOWN, 2),
        ("--++", Verdict.DOWN, 2),
        ("--+++", Verdict.UP, 5),
        ("--++-++", Verdict.DOWN, 2),
        ("--+++-", Verdict.UP, 5),
        (".", Verdict.UNKNOWN, 0),
        ("+....", Verdict.UP, 1),
        ("--....", Verdict.DOWN, 2),
        ("+-.-", Verdict.DOWN, 4),
        ("--+.+.+", Verdict.UP, 7),
    ],
)
def test_verdict_after_a_history(history: str, verdict: Verdict, since: float) -> None:
    state = after(history)
    assert (state.verdict, state.since) == (verdict, since)


@pytest.mark.parametrize("reason", [r for r in Reason if r not in (Reason.OK, Reason.LOCAL)])
def test_every_reason_of_the_far_end_counts(reason: Reason) -> None:
    state = step(
        step(new_state(0), ProbeResult(reason), 1, SETTINGS), ProbeResult(reason), 2, SETTINGS
    )
    assert state.verdict is Verdict.DOWN
    assert state.last == ProbeResult(reason)


def test_local_trouble_is_remembered_and_counts_for_nothing() -> None:
    before, state = after("+-"), after("+-.")
    assert (state.last, state.last_at) == (LOCAL, 3)
    assert (state.verdict, state.failures, state.renewed_at) == (
        before.verdict,
        before.failures,
        before.renewed_at,
    )


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("", "settled"),
        (".", "settled"),
        ("+", "settled"),
        ("-", "fast"),
        ("+-", "fast"),
        ("+-.", "fast"),
        ("+-+", "settled"),
        ("--", "settled"),
        ("--+", "fast"),
        ("--+-", "settled"),
        ("--+++", "settled"),
    ],
)
def test_pace(history: str, expected: str) -> None:
    seconds = {"settled": SETTINGS.interval_seconds, "fast": SETTINGS.fast_interval_seconds}
    assert next_interval_seconds(after(history), SETTINGS) == seconds[expected]


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        (Check.TCP, 2 + 9),
        (Check.BANNER, 2 + 10 + 9),
        (Check.EHLO, 2 + 10 + 2 * 5 + 9),
        (Check.STARTTLS, 2 + 10 + 4 * 5 + 9),
        (Check.RCPT, 2 + 10 + 4 * 5 + 9),
    ],
)
def test_lapse_seconds_cover_the_slowest_probe(check: Check, seconds: float) -> None:
    assert lapse_seconds(ProbeSettings(check=check)) == seconds


@pytest.mark.parametrize("history", ["+", "--"])
def test_a_verdict_lapses_when_it_is_not_renewed(history: str) -> None:
    state = after(history)
    end = len(history) + lapse_seconds(SETTINGS)
    assert lapse(state, end, SETTINGS) is state
    lapsed = lapse(state, end + 0.001, SETTINGS)
    assert (lapsed.verdict, lapsed.since) == (Verdict.UNKNOWN, end + 0.001)
    assert (lapsed.successes, lapsed.failures) == (0, 0)
    assert (lapsed.last, lapsed.last_at) == (state.last, state.last_at)
    assert lapse(lapsed, end + 1000, SETTINGS) is lapsed


def test_local_trouble_does_not_renew_a_verdict() -> None:
    state = after("+")
    for now in range(2, 60):
        state = lapse(step(state, LOCAL, now, SETTINGS), now, SETTINGS)
    assert state.verdict is Verdict.UNKNOWN


def test_an_old_failure_is_forgotten_too() -> None:
    state = lapse(after("-"), 1000, SETTINGS)
    assert (state.verdict, state.since) == (Verdict.UNKNOWN, 0)
    assert step(state, FAILED, 1001, SETTINGS).verdict is Verdict.UNKNOWN


def test_an_unprobed_target_is_up_for_ever() -> None:
    state = unprobed_state(5)
    assert health(state) is Health.UP
    assert state.since == 5
    assert lapse(state, 1e9, ProbeSettings(check=Check.NONE)) is state


@pytest.mark.parametrize(
    ("history", "reload", "expected"),
    [
        ("", False, Health.UNKNOWN),
        ("", True, Health.PENDING),
        ("-", True, Health.PENDING),
        (".", True, Health.PENDING),
        ("+", True, Health.UP),
        ("--", True, Health.DOWN),
        ("--", False, Health.DOWN),
        ("+", False, Health.UP),
    ],
)
def test_health(history: str, reload: bool, expected: Health) -> None:
    assert health(after(history, reload=reload)) is expected


def test_pending_ends_with_the_first_verdict() -> None:
    lapsed = lapse(after("--", reload=True), 1000, SETTINGS)
    assert health(lapsed) is Health.UNKNOWN


@settings(deadline=None)
@given(
    st.text(alphabet="+-.", max_size=60),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_verdicts_change_only_after_enough_in_a_row(history: str, fall: int, rise: int) -> None:
    settings = ProbeSettings(fall=fall, rise=rise)
    state = new_state(0)
    seen = ""
    for now, letter in enumerate(history, start=1):
        new = step(state, LETTERS[letter], now, settings)
        seen += letter.replace(".", "")
        if new.verdict is not state.verdict:
            assert new.since == now
            if new.verdict is Verdict.DOWN:
                assert seen.endswith("-" * fall)
            else:
                assert seen.endswith("+" * (1 if state.verdict is Verdict.UNKNOWN else rise))
        else:
            assert new.since == state.since
        assert 0 in (new.successes, new.failures)
        state = new
    if seen.endswith("-" * fall):
        assert state.verdict is Verdict.DOWN
    if seen.endswith("+" * rise):
        assert state.verdict is Verdict.UP


@settings(deadline=None)
@given(st.lists(st.sampled_from("+-"), max_size=40))
def test_flapping_never_takes_an_address_out(history: list[str]) -> None:
    single = "+" + "".join(history).replace("--", "-+")
    assert after(single).verdict is Verdict.UP
