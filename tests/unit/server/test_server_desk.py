"""The event loop's spare time for misses: how much of it there is, and who gets it."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from rrdns.server import desk as desk_module
from rrdns.server.desk import Allowance, MissDesk

SLICE_SECONDS = 0.0005
DEADLINE_SECONDS = 60.0


# --- the allowance ----------------------------------------------------------------------------


def spent_in(seconds: float, waited: Callable[[float, float], float]) -> float:
    """Spend what is allowed as soon as it is; return the sum.

    `waited` is how long the loop has waited for a core, by the time and what was spent.
    """
    allowance = Allowance(0.0, [0.0])
    now = total = 0.0
    while now < seconds:
        until_now: list[float | None] = [waited(now, total)]
        allowed = min(allowance.credit(now, until_now.copy), SLICE_SECONDS)
        if allowed > 0:
            allowance.spend(allowed)
            total += allowed
            now += allowed
        now += max(allowance.wait(), 1e-6)
    return total


def test_loops_that_wait_for_nothing_leave_half_of_a_core() -> None:
    assert spent_in(20.0, lambda now, spent: 0.0) == pytest.approx(10.0, rel=0.05)


def test_a_loop_that_waits_for_us_alone_waits_for_a_twentieth_of_the_time() -> None:
    # It always has work and shares our core.
    assert 0.03 < spent_in(20.0, lambda now, spent: spent) / 20.0 < 0.06


def test_loops_that_wait_for_others_leave_the_least() -> None:
    assert spent_in(20.0, lambda now, spent: 0.5 * now) == pytest.approx(0.4, rel=0.1)


def test_the_share_follows_the_loops() -> None:
    # They wait for nothing for ten seconds, and for everything in the other ten.
    spent = spent_in(20.0, lambda now, spent: max(0.0, now - 10.0))
    assert spent == pytest.approx(5.0 + 0.2, rel=0.1)


def test_the_loop_that_waits_most_counts() -> None:
    allowance = Allowance(0.0, [0.0] * 3)
    before = allowance.share
    allowance.credit(1.0, lambda: [0.0, 0.5, 0.0])
    assert allowance.share == before / 2
    allowance.credit(2.0, lambda: [0.04, 0.54, 0.04])
    assert before / 2 < allowance.share < before


def test_where_nothing_can_be_told_the_share_is_small() -> None:
    allowance = Allowance(0.0, [None])
    for second in range(1, 20):
        allowance.credit(float(second), lambda: [None])
    assert allowance.share == 0.02


def test_a_miss_now_and_then_waits_for_nothing() -> None:
    allowance = Allowance(0.0, [0.0])
    for second in range(1, 100):
        assert allowance.credit(float(second), lambda: [0.0]) >= SLICE_SECONDS
        allowance.spend(0.0001)
        assert allowance.wait() == 0


def test_what_was_overspent_is_waited_for() -> None:
    allowance = Allowance(0.0, [0.0])
    allowance.credit(0.0, lambda: [0.0])
    allowance.spend(0.102)
    assert allowance.credit(0.0, lambda: [0.0]) == pytest.approx(-0.1)
    assert allowance.wait() == pytest.approx(0.1002 / allowance.share)


# --- the desk ---------------------------------------------------------------------------------


class _Loop:
    """Has so many misses; notes how it was treated."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.wake = os.eventfd(0, os.EFD_NONBLOCK)
        self.waited_seconds = 0.0
        self.misses = 0
        self.come_late = 0
        self._name = name
        self._log = log

    def miss(self, count: int) -> None:
        self.misses += count
        os.eventfd_write(self.wake, 1)

    def awake(self) -> None:
        os.eventfd_read(self.wake)

    def answer_miss(self) -> bool:
        if not self.misses:
            return False
        self.misses -= 1
        self._log.append(self._name)
        return True

    def sleep(self) -> bool:
        if self.come_late:
            self.misses, self.come_late = self.come_late, 0
            return False
        return True


class _Stage:
    """Loops a and b, a desk for both, and the order in which their misses were answered."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.loops = {name: _Loop(name, self.log) for name in "ab"}
        self.desk: MissDesk

    async def until(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.log) < count:  # noqa: ASYNC110  (what is waited for has no event)
                await asyncio.sleep(0.001)


@pytest.fixture
def stage() -> Iterator[_Stage]:
    made = _Stage()
    yield made
    for loop in made.loops.values():
        os.close(loop.wake)


def run(stage: _Stage, body: Coroutine[Any, Any, None]) -> None:
    async def whole() -> None:
        stage.desk = MissDesk(list(stage.loops.values()))
        try:
            await body
        finally:
            stage.desk.close()

    asyncio.run(whole())


def test_misses_of_two_loops_take_turns(stage: _Stage) -> None:
    async def body() -> None:
        stage.loops["a"].miss(3)
        stage.loops["b"].miss(3)
        await stage.until(6)
        assert sorted(stage.log) == list("aaabbb")
        stage.loops["a"].miss(1)
        await stage.until(7)

    run(stage, body())


def test_loops_that_wait_together_take_turns(
    stage: _Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        # Nothing is allowed before both stand in line.
        monkeypatch.setattr(desk_module, "_SLICE_SECONDS", -1.0)
        stage.loops["a"].miss(3)
        stage.loops["b"].miss(3)
        await asyncio.sleep(0.01)
        assert stage.log == []
        monkeypatch.setattr(desk_module, "_SLICE_SECONDS", SLICE_SECONDS)
        await stage.until(6)
        assert stage.log in (list("ababab"), list("bababa"))

    run(stage, body())


def test_a_miss_that_comes_while_a_loop_is_put_to_sleep_is_answered(stage: _Stage) -> None:
    async def body() -> None:
        stage.loops["a"].come_late = 2
        stage.loops["a"].miss(1)
        await stage.until(3)

    run(stage, body())


def test_a_flood_of_misses_leaves_turns_to_others(stage: _Stage) -> None:
    async def body() -> None:
        loop = stage.loops["a"]
        loop.miss(1_000_000_000)
        turns = 0
        while len(stage.log) < 1000:
            await asyncio.sleep(0)
            turns += 1
        assert turns > 1
        loop.misses = 0

    run(stage, body())


def test_a_closed_desk_answers_no_more(stage: _Stage) -> None:
    async def body() -> None:
        stage.loops["a"].miss(1_000_000_000)
        await stage.until(1)
        stage.desk.close()
        answered = len(stage.log)
        stage.loops["b"].miss(1)
        await asyncio.sleep(0.05)
        assert len(stage.log) == answered

    run(stage, body())
