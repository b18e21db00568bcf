"""One watched target: what time does to it."""

from dataclasses import replace

from rrdns.health.state import new_state, step
from rrdns.health.watched import Watched, is_probed, watch
from rrdns.targets import Check, ProbeResult, ProbeSettings, Reason, Target, Verdict

SETTINGS = ProbeSettings(check=Check.TCP, connect_timeout_seconds=2.0, interval_seconds=1.0)
HOLDS = 5.0


def up(now: float) -> Watched:
    watched = watch(Target("192.0.2.1", SETTINGS), "words", new_state(now - 1), now - 1)
    watched.state = step(watched.state, ProbeResult(Reason.OK), now, SETTINGS)
    watched.quiet_since = now
    return watched


def test_a_verdict_lapses_when_it_is_older_than_it_may_be() -> None:
    watched = up(100)
    assert watched.lapsed(100 + HOLDS) is None
    lapsed = watched.lapsed(100.1 + HOLDS)
    assert lapsed is not None
    assert (lapsed.verdict, lapsed.since) == (Verdict.UNKNOWN, 100.1 + HOLDS)
    assert watch(watched.target, "", new_state(0), 0).lapsed(1000) is None


def test_stuck_and_hung() -> None:
    watched = up(100)
    assert not watched.is_stuck(100 + HOLDS)
    assert watched.is_stuck(100.1 + HOLDS)
    assert not watched.is_hung(HOLDS + 5)
    assert watched.is_hung(HOLDS + 5.1)
    unprobed = watch(
        Target("192.0.2.1", replace(SETTINGS, check=Check.NONE)), "", new_state(0, True), 0
    )
    assert not is_probed(unprobed.target)
    assert unprobed.state.verdict is Verdict.UP
    assert not unprobed.is_stuck(1000)


def test_new_settings_change_for_how_long_a_verdict_holds() -> None:
    watched = up(100)
    watched.retarget(Target("192.0.2.1", replace(SETTINGS, interval_seconds=2.0)))
    assert watched.lapsed(103 + HOLDS) is None
    assert watched.lapsed(103.1 + HOLDS) is not None


def test_a_stall_is_excused_and_nothing_lies_in_the_future() -> None:
    watched = up(100)
    watched.excuse(50, 151)
    assert (watched.quiet_since, watched.state.renewed_at) == (150, 150)
    watched.excuse(50, 160)
    assert (watched.quiet_since, watched.state.renewed_at) == (160, 160)
    unknown = watch(watched.target, "", new_state(100), 100)
    unknown.excuse(50, 151)
    assert (unknown.quiet_since, unknown.state.renewed_at) == (150, None)
