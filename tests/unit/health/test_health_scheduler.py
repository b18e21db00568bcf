"""The scheduler in virtual time: who is probed when, and what a reload keeps."""

import asyncio
import itertools
from dataclasses import replace

import pytest
from support.scheduler_stage import ADDRESS, SETTINGS, Stage, now, run, target

from rrdns.targets import Check, Health, Reason

MOMENTS = [step * 0.25 for step in range(14)]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("mode", "limit"), [("refused", 4.0), ("silent", 8.0)])
def test_default_settings_are_quick_enough(mode: str, limit: float, moment: float) -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP, 1)
            await asyncio.sleep(20 + moment)
            stage.peers.modes[ADDRESS] = mode
            await stage.until(Health.DOWN, limit)
            await asyncio.sleep(20 + moment)
            stage.peers.modes[ADDRESS] = "ok"
            await stage.until(Health.UP, 6)
            assert len(stage.changes) == 3

    run(main())


def test_the_pace() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await asyncio.sleep(300)
            settled = gaps(stage)
            assert all(2.7 <= gap <= 3.001 for gap in settled)
            assert max(settled) - min(settled) > 0.1
            stage.peers.modes[ADDRESS] = "silent"
            await stage.until(Health.DOWN)
            stage.peers.starts.clear()
            await asyncio.sleep(300)
            # A probe that takes 2 s, every 3 s.
            assert all(2.7 <= gap <= 3.001 for gap in gaps(stage))
            stage.peers.modes[ADDRESS] = "ok"
            await asyncio.sleep(3)
            stage.peers.starts.clear()
            await stage.until(Health.UP)
            assert all(0.45 <= gap <= 0.501 for gap in gaps(stage))
            assert stage.peers.most_under_way == 1

    run(main())


def gaps(stage: Stage) -> list[float]:
    starts = stage.peers.starts_of(ADDRESS)
    return [after - before for before, after in itertools.pairwise(starts)]


def test_a_slow_probe_never_overlaps() -> None:
    async def main() -> None:
        async with Stage(target(settings=replace(SETTINGS, connect_timeout_seconds=7))) as stage:
            stage.peers.modes[ADDRESS] = "silent"
            await asyncio.sleep(100)
            assert stage.peers.most_under_way == 1
            assert all(gap == pytest.approx(7.01, abs=0.001) for gap in gaps(stage))

    run(main())


def test_concurrency_is_bounded_and_starts_are_spread() -> None:
    async def main() -> None:
        many = [target(f"192.0.2.{number}") for number in range(1, 201)]
        async with Stage(*many, concurrency=10) as stage:
            await stage.scheduler.first_round()
            assert stage.peers.most_under_way <= 10
            assert set(stage.scheduler.healths().values()) == {Health.UP}
            assert now() < 5
        async with Stage(*many) as stage:
            await stage.scheduler.first_round()
            starts = [at for at, _ in stage.peers.starts]
            assert 0.3 < max(starts) - min(starts) < 1.0
            assert stage.peers.most_under_way > 10
            stage.scheduler.set_concurrency(5)
            await asyncio.sleep(2)
            stage.peers.most_under_way = 0
            await asyncio.sleep(10)
            assert 0 < stage.peers.most_under_way <= 5

    run(main())


@pytest.mark.parametrize(
    ("mode", "seconds", "health"),
    [
        ("ok", 0.02, Health.UP),
        ("refused", 0.5, Health.DOWN),
        ("silent", 4.01, Health.DOWN),
        ("local", 5.0, Health.UNKNOWN),
        ("broken", 5.0, Health.UNKNOWN),
    ],
)
def test_the_first_round(mode: str, seconds: float, health: Health) -> None:
    async def main() -> None:
        async with Stage(target(), target("192.0.2.2")) as stage:
            stage.peers.modes[ADDRESS] = mode
            await stage.scheduler.first_round()
            assert now() == pytest.approx(seconds, abs=0.06)
            assert (stage.health(), stage.health("192.0.2.2")) == (health, Health.UP)

    run(main())


def test_the_first_round_without_targets_is_over() -> None:
    async def main() -> None:
        async with Stage(target(settings=replace(SETTINGS, check=Check.NONE))) as stage:
            await stage.scheduler.first_round()
            stage.set([])
            await stage.scheduler.first_round()
            assert now() == 0

    run(main())


def test_the_first_round_ends_when_its_target_is_taken_away() -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.peers.modes[ADDRESS] = "local"
            waiting = asyncio.create_task(stage.scheduler.first_round(50))
            await asyncio.sleep(1)
            stage.set([])
            await waiting
            assert now() == 1

    run(main())


def test_an_unprobed_target_is_up_and_stays_up() -> None:
    async def main() -> None:
        async with Stage(
            target(settings=replace(SETTINGS, check=Check.NONE)), reload=True
        ) as stage:
            assert stage.health() is Health.UP
            await asyncio.sleep(1000)
            assert stage.health() is Health.UP
            assert (stage.peers.starts, stage.changes) == ([], [])

    run(main())


def test_targets_that_a_reload_added_are_pending() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP)
            stage.peers.modes["192.0.2.2"] = "refused"
            stage.set([target(), target("192.0.2.2")], reload=True)
            assert (stage.health(), stage.health("192.0.2.2")) == (Health.UP, Health.PENDING)
            await stage.until(Health.DOWN, 1, "192.0.2.2")

    run(main())


def test_a_reload_keeps_states_and_takes_new_settings() -> None:
    async def main() -> None:
        gone = target("192.0.2.2")
        async with Stage(target(), gone) as stage:
            stage.peers.modes = {ADDRESS: "refused", gone.address: "refused"}
            await stage.until(Health.DOWN)
            await asyncio.sleep(10)
            before = stage.scheduler.states[target().key]
            assert (gone.key, Reason.UNREACHABLE) in stage.scheduler.failures
            started = len(stage.peers.starts_of(ADDRESS))
            stage.set([target()], reload=True)
            await asyncio.sleep(0)
            assert len(stage.peers.starts_of(ADDRESS)) == started
            quick = target(settings=replace(SETTINGS, interval_seconds=1, rise=1))
            stage.set([quick], reload=True)
            assert stage.scheduler.states == {target().key: before}
            assert {key for key, _ in stage.scheduler.failures} == {target().key}
            await asyncio.sleep(5)
            assert len(stage.peers.starts_of(ADDRESS)) >= started + 5
            assert stage.scheduler.states[target().key].since == before.since
            stage.peers.modes[ADDRESS] = "ok"
            await stage.until(Health.UP, 1.1)
            stage.peers.starts.clear()
            await asyncio.sleep(10)
            assert stage.peers.starts_of(gone.address) == []

    run(main())
