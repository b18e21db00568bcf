"""Where the misses of compiled loops are answered: in the event loop's spare time.

A miss takes as long as a hundred hits. They get what CPU time the loops leave, in slices of half a
millisecond between which probes, pages and TCP have their turns; a twentieth of one core where the
loops leave nothing, so that a flood of misses takes no more than that from good answers.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

_SLICE_SECONDS = 0.0005
_LEAST_SECONDS = 0.0002  # a slice shorter than this is not worth a wake-up
_BURST_SECONDS = 0.002
_SAMPLE_SECONDS = 0.005
_LEAST_SHARE = 0.05
_LARGEST_SHARE = 0.5
_SPARE_CORES = 0.25


class Allowance:
    """Tells how much time misses may take, by what the loops take and how many cores there are.

    Times are seconds of one clock, handed in; `loops` is the CPU time that all loops have taken.
    """

    def __init__(self, cores: int, now: float, loops: float) -> None:
        self._cores = cores
        self._share = _LARGEST_SHARE
        self._credit = _BURST_SECONDS
        self._credited_at = self._sampled_at = now
        self._loops = loops

    def credit(self, now: float, loops: Callable[[], float]) -> float:
        """Return the seconds that may be spent now."""
        elapsed = now - self._sampled_at
        if elapsed >= _SAMPLE_SECONDS:
            taken = loops()
            spare = self._cores - _SPARE_CORES - (taken - self._loops) / elapsed
            self._share = min(max(spare, _LEAST_SHARE), _LARGEST_SHARE)
            self._loops, self._sampled_at = taken, now
        self._credit += (now - self._credited_at) * self._share
        self._credit = min(self._credit, _BURST_SECONDS)
        self._credited_at = now
        return self._credit

    def spend(self, seconds: float) -> None:
        """Note what was spent."""
        self._credit -= seconds

    def wait(self) -> float:
        """Return after how many seconds there is enough to go on."""
        return max(0.0, (_LEAST_SECONDS - self._credit) / self._share)


class Loop(Protocol):
    """What is asked of a loop whose misses are answered."""

    @property
    def wake(self) -> int:
        """A descriptor that becomes readable when a miss waits and nobody is at it."""

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that the loop has taken."""

    def awake(self) -> None:
        """Take note of `wake`: it is readable no more."""

    def answer_miss(self) -> bool:
        """Answer the oldest miss; tell whether there was one."""

    def sleep(self) -> bool:
        """Ask for `wake` at the next miss; False where one has come meanwhile."""


class MissDesk:
    """Answers the misses of some loops in this thread's event loop, until it is closed."""

    def __init__(self, loops: Sequence[Loop], cores: int) -> None:
        self._loops = loops
        self._allowance = Allowance(cores, time.monotonic(), 0.0)
        self._line: deque[Loop] = deque()
        self._next: asyncio.TimerHandle | None = None
        for loop in loops:
            asyncio.get_running_loop().add_reader(loop.wake, self._woken, loop)

    def close(self) -> None:
        """Answer no more."""
        for loop in self._loops:
            asyncio.get_running_loop().remove_reader(loop.wake)
        self._line.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _woken(self, loop: Loop) -> None:
        loop.awake()
        self._line.append(loop)
        if self._next is None:
            self._work()

    def _work(self) -> None:
        """Answer misses of one loop after the other for as long as is allowed."""
        self._next = None
        now = began = time.monotonic()
        until = now + min(self._allowance.credit(now, self._taken), _SLICE_SECONDS)
        while self._line and now < until:
            loop = self._line.popleft()
            if loop.answer_miss() or not loop.sleep():
                self._line.append(loop)
            now = time.monotonic()
        self._allowance.spend(now - began)
        if self._line:
            event_loop = asyncio.get_running_loop()
            self._next = event_loop.call_later(self._allowance.wait(), self._work)

    def _taken(self) -> float:
        return sum(loop.cpu_seconds for loop in self._loops)
