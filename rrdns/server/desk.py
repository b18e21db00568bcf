"""Where the misses of compiled loops are answered: in the event loop's spare time.

A miss takes as long as a hundred hits. They get the CPU time that loops do not have to wait for, in
slices of half a millisecond between which probes, pages and TCP have their turns. Where loops wait
for a core, misses are held back until that is a twentieth of the time, so that a flood of misses
takes little more than that from good answers, and on an idle machine most of them are answered.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

_SLICE_SECONDS = 0.0005
_LEAST_SECONDS = 0.0002  # a slice shorter than this is not worth a wake-up
_BURST_SECONDS = 0.002
_SAMPLE_SECONDS = 0.01
_LEAST_SHARE = 0.02
_LARGEST_SHARE = 0.5
_MORE_SHARE = 0.01
_MUCH_WAITING = 0.05


class Allowance:
    """Tells how much time misses may take: a share that grows slowly, and is halved by waiting.

    Times are seconds of one clock, handed in; `waited` has for each loop how long it has waited for
    a core since it began (None: it cannot tell).
    """

    def __init__(self, now: float, waited: Sequence[float | None]) -> None:
        self.share = _LARGEST_SHARE / 2
        self._credit = _BURST_SECONDS
        self._credited_at = self._sampled_at = now
        self._waited = waited

    def credit(self, now: float, waited: Callable[[], Sequence[float | None]]) -> float:
        """Return the seconds that may be spent now."""
        elapsed = now - self._sampled_at
        if elapsed >= _SAMPLE_SECONDS:
            self._sample(elapsed, waited())
            self._sampled_at = now
        self._credit += (now - self._credited_at) * self.share
        self._credit = min(self._credit, _BURST_SECONDS)
        self._credited_at = now
        return self._credit

    def _sample(self, elapsed: float, waited: Sequence[float | None]) -> None:
        before, self._waited = self._waited, waited
        shares = [
            _MUCH_WAITING if now is None or then is None else (now - then) / elapsed
            for now, then in zip(waited, before, strict=True)
        ]
        # The one that suffers most may be the only one that shares a core with us.
        if max(shares) >= _MUCH_WAITING:
            self.share = max(self.share / 2, _LEAST_SHARE)
        else:
            self.share = min(self.share + _MORE_SHARE, _LARGEST_SHARE)

    def spend(self, seconds: float) -> None:
        """Note what was spent."""
        self._credit -= seconds

    def wait(self) -> float:
        """Return after how many seconds there is enough to go on."""
        return max(0.0, (_LEAST_SECONDS - self._credit) / self.share)


class Loop(Protocol):
    """What is asked of a loop whose misses are answered."""

    @property
    def wake(self) -> int:
        """A descriptor that becomes readable when a miss waits and nobody is at it."""

    @property
    def waited_seconds(self) -> float | None:
        """How long the loop has waited for a core; None where that cannot be told."""

    def awake(self) -> None:
        """Take note of `wake`: it is readable no more."""

    def answer_miss(self) -> bool:
        """Answer the oldest miss; tell whether there was one."""

    def sleep(self) -> bool:
        """Ask for `wake` at the next miss; False where one has come meanwhile."""


class MissDesk:
    """Answers the misses of some loops in this thread's event loop, until it is closed."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops
        self._allowance = Allowance(time.monotonic(), self._waited())
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
        until = now + min(self._allowance.credit(now, self._waited), _SLICE_SECONDS)
        while self._line and now < until:
            loop = self._line.popleft()
            if loop.answer_miss() or not loop.sleep():
                self._line.append(loop)
            now = time.monotonic()
        self._allowance.spend(now - began)
        if self._line:
            event_loop = asyncio.get_running_loop()
            self._next = event_loop.call_later(self._allowance.wait(), self._work)

    def _waited(self) -> list[float | None]:
        return [loop.waited_seconds for loop in self._loops]
