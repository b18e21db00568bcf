"""The scheduler while its loop stands still, and while its probes do."""

import asyncio
import logging
from dataclasses import replace

import pytest
from support.scheduler_stage import ADDRESS, SETTINGS, Stage, now, run, stall, target

from rrdns.health.state import lapse_seconds
from rrdns.targets import Health, ProbeResult, Reason, Target, Verdict

ONCE = replace(SETTINGS, fall=1)
TIMEOUT = ProbeResult(Reason.TIMEOUT, "banner")


def answer_after(stage: Stage, seconds: float, result: ProbeResult) -> None:
    """From now on every probe ends with `result`, by the loop's own clock."""

    async def end(_: Target) -> ProbeResult:
        await asyncio.sleep(seconds)
        return result

    stage.peers.answer = end


async def under_way(stage: Stage) -> None:
    """Wait until the next probe starts."""
    started = len(stage.peers.starts)
    while len(stage.peers.starts) == started:  # noqa: ASYNC110  (virtual time)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("result", "void"),
    [
        (TIMEOUT, True),
        # The peer waited for us in vain.
        (ProbeResult(Reason.UNREACHABLE, "ehlo"), True),
        (ProbeResult(Reason.PROTOCOL, "ehlo", None, "closed"), True),
        (ProbeResult(Reason.BUSY, "ehlo", 421, "too slow"), True),
        (ProbeResult(Reason.TLS, "tls"), True),
        # It was so whenever we looked.
        (ProbeResult(Reason.UNREACHABLE, "connect"), False),
        (ProbeResult(Reason.BUSY, "banner", 421, "too many"), False),
        (ProbeResult(Reason.BUSY, "ehlo", 450, "later"), False),
        (ProbeResult(Reason.REJECTED, "banner", 554, "no"), False),
    ],
)
def test_what_a_stall_excuses(result: ProbeResult, void: bool) -> None:
    async def main() -> None:
        many = [target(f"192.0.2.{number}", ONCE) for number in range(1, 101)]
        async with Stage(*many) as stage:
            await stage.scheduler.first_round()
            await asyncio.sleep(10)
            answer_after(stage, 1.0, result)
            while stage.peers.under_way < 10:  # noqa: ASYNC110  (virtual time)
                await asyncio.sleep(0.01)
            stall(5)
            await asyncio.sleep(0.2)
            down = [at for at, found in stage.scheduler.healths().items() if found is Health.DOWN]
            assert (len(down) == 0) is void
            assert (stage.scheduler.voided == 0) is not void
            assert sum(stage.scheduler.failures.values()) == len(down)
            # What comes later has no excuse.
            await asyncio.sleep(10)
            assert set(stage.scheduler.healths().values()) == {Health.DOWN}

    run(main())


def test_successes_count_however_late() -> None:
    async def main() -> None:
        async with Stage(target(settings=replace(ONCE, rise=1))) as stage:
            stage.peers.modes[ADDRESS] = "refused"
            await stage.until(Health.DOWN)
            answer_after(stage, 1.0, ProbeResult(Reason.OK))
            await under_way(stage)
            await asyncio.sleep(0.5)
            stall(5)
            await asyncio.sleep(0.01)
            assert stage.health() is Health.UP
            assert stage.scheduler.voided == 0

    run(main())


def test_a_deadline_before_the_next_beat_is_excused_too() -> None:
    """The loop runs timers in the order of their times: a deadline may come before the beat."""

    async def main() -> None:
        async with Stage(target(settings=ONCE)) as stage:
            await stage.until(Health.UP)
            for moment in range(1, 61):
                answer_after(stage, 10, TIMEOUT)
                await under_way(stage)
                answer_after(stage, 0.02, ProbeResult(Reason.OK))
                # The answer falls due up to 60 ms after the stall begins: around the next beat.
                started = stage.peers.starts[-1][0]
                await asyncio.sleep(started + 10 - moment / 1000 - now())
                stall(0.4)
                await asyncio.sleep(5)
            assert stage.scheduler.voided == 60
            assert stage.scheduler.failures == {}
            assert stage.health() is Health.UP

    run(main())


def test_void_probes_are_told_of_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        many = [target(f"192.0.2.{number}") for number in range(1, 101)]
        async with Stage(*many) as stage:
            await stage.scheduler.first_round()
            answer_after(stage, 5, TIMEOUT)
            await asyncio.sleep(4)
            stall(5)
            await asyncio.sleep(2)
            assert stage.scheduler.voided == 100

    run(main())
    void = [record.message for record in caplog.records if "event=probe_void" in record.message]
    assert len(void) <= 2
    assert sum(int(line.partition("probes=")[2].split()[0]) for line in void) == 100
    assert "port=25 check=ehlo" in void[0]
    [stalled] = [record.message for record in caplog.records if "event=stalled" in record.message]
    assert stalled.startswith("event=stalled seconds=4.9")


def test_a_stall_ages_no_verdict() -> None:
    async def main() -> None:
        async with Stage(target(), target("192.0.2.2")) as stage:
            stage.peers.modes[ADDRESS] = "silent"
            await stage.until(Health.DOWN)
            await asyncio.sleep(10)
            for _ in range(3):
                stall(lapse_seconds(SETTINGS) * 2)
                # A dead node is not let in for having been asked by nobody.
                for _ in range(400):
                    assert stage.health() is Health.DOWN
                    assert stage.health("192.0.2.2") is Health.UP
                    assert not stage.scheduler.stuck
                    await asyncio.sleep(0.01)
            assert stage.scheduler.beats
            # But a verdict does age from then on.
            stage.peers.modes["192.0.2.2"] = "local"
            await stage.until(Health.UNKNOWN, lapse_seconds(SETTINGS) + 5, "192.0.2.2")

    run(main())


def test_a_hung_probe_is_given_up_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP)
            stage.peers.modes[ADDRESS] = "hung"
            await stage.until(Health.UNKNOWN, 60)
            assert list(stage.scheduler.stuck) == [target().key]
            await asyncio.sleep(10)
            assert len([r for r in caplog.records if "event=probe_hung" in r.message]) == 1
            assert stage.peers.under_way == 1
            # It hangs again, and is still seen.
            assert list(stage.scheduler.stuck) == [target().key]
            stage.peers.modes[ADDRESS] = "ok"
            await stage.until(Health.UP, 45)
            await asyncio.sleep(1.1)
            assert not stage.scheduler.stuck

    run(main())
    [hung] = [record for record in caplog.records if "event=probe_hung" in record.message][:1]
    assert hung.levelno == logging.ERROR


@pytest.mark.parametrize("mode", ["broken", "cancelled"])
def test_a_target_whose_probes_die_is_stuck(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Stage(target(), target("192.0.2.2")) as stage:
            await stage.scheduler.first_round()
            stage.peers.modes[ADDRESS] = mode
            stage.peers.modes["192.0.2.2"] = "refused"
            await asyncio.sleep(lapse_seconds(SETTINGS) + 5)
            # A node that is merely dead is no trouble of ours.
            assert list(stage.scheduler.stuck) == [target().key]
            assert stage.health() is Health.UNKNOWN
            assert stage.health("192.0.2.2") is Health.DOWN
            assert len(stage.peers.starts_of(ADDRESS)) > 10
            stage.peers.modes[ADDRESS] = "ok"
            await asyncio.sleep(5)
            assert not stage.scheduler.stuck
            assert stage.health() is Health.UP

    run(main())
    assert len([r for r in caplog.records if "event=probe_error" in r.message]) > 10


def test_local_trouble_is_not_stuck() -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.peers.modes[ADDRESS] = "local"
            await asyncio.sleep(200)
            assert not stage.scheduler.stuck

    run(main())


def test_an_obstacle_is_local_trouble_and_nobody_is_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP)
            asked = len(stage.peers.starts)
            stage.scheduler.obstacle = "too few open files"
            await asyncio.sleep(10)
            assert len(stage.peers.starts) == asked
            state = stage.scheduler.states[target().key]
            assert state.last == ProbeResult(Reason.LOCAL, "connect", None, "too few open files")
            assert state.verdict is Verdict.UP
            stage.scheduler.obstacle = None
            await asyncio.sleep(4)
            assert len(stage.peers.starts) > asked

    run(main())
    [told] = [record.message for record in caplog.records if "event=probe_local" in record.message]
    assert 'text="too few open files" probes=1' in told


def test_waiting_in_line_is_not_stuck_but_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        many = [target(f"192.0.2.{number}") for number in range(1, 101)]
        async with Stage(*many, concurrency=2) as stage:
            stage.peers.modes = {one.address: "silent" for one in many}
            # 100 probes of 2 s, two at once: longer than a verdict holds.
            await asyncio.sleep(300)
            assert not stage.scheduler.stuck
            assert stage.peers.most_under_way == 2
            assert {len(stage.peers.starts_of(one.address)) for one in many} <= {2, 3, 4}

    run(main())
    behind = [r.message for r in caplog.records if "event=probes_behind" in r.message]
    assert 4 <= len(behind) <= 6
    assert behind[0].endswith("concurrency=2")
