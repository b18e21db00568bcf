"""Lateness: when the loop was late; what that excuses is asked of the scheduler."""

from rrdns.health.lateness import Pulse


def test_a_steady_pulse_is_never_late() -> None:
    pulse = Pulse(10.0)
    for beat in range(1, 100):
        now = 10.0 + beat * 0.05
        assert not pulse.is_late(now)
        assert pulse.beat(now + 0.2 * (beat % 2)) == 0
    assert pulse.due == now + 0.25


def test_a_stall_is_late_before_its_beat_at_it_and_a_moment_after() -> None:
    pulse = Pulse(10.0)
    assert not pulse.is_late(10.29)
    assert pulse.is_late(10.31)
    late = pulse.beat(15.05)
    assert 4.99 < late < 5.01
    assert pulse.is_late(15.05)
    assert pulse.beat(15.1) == 0
    assert pulse.is_late(15.29)
    assert pulse.beat(15.15) == 0
    assert pulse.beat(15.3) == 0
    assert not pulse.is_late(15.31)
