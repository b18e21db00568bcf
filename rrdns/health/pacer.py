"""The pacer: starts the probe of each target when its time has come, so many at once.

It knows nothing of verdicts. Tasks live as long as a probe does: a target that waits for its time
is an entry of the agenda, and that is what makes thousands cheap.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from rrdns.health.agenda import Agenda
from rrdns.targets import TargetKey

# Between so many starts the loop does its other work: some milliseconds of it.
_STARTS_A_TURN: Final = 16
# A target's connection that was given up closes within a turn or two of the loop.
_CLOSING_SECONDS: Final = 0.01


@dataclass(slots=True, eq=False)
class Run:
    """A probe under way, and for how long it had been in line when it started.

    `given_up` is set once nobody wants its result any more: it has been cancelled.
    """

    key: TargetKey
    started: float
    waited_seconds: float
    given_up: bool = False
    task: asyncio.Task[None] | None = None


class Pacer:
    """Runs `work` for every target that is due, at most `concurrency` of them, one for a target.

    `on_end` is called when a run ended, with what it raised, None for nothing: it plans the next
    one. It is not called for a run that was given up. To be used from one event loop, whose clock
    `clock` is.
    """

    def __init__(
        self,
        work: Callable[[Run], Coroutine[Any, Any, None]],
        on_end: Callable[[Run, BaseException | None], None],
        *,
        concurrency: int,
        clock: Callable[[], float],
    ) -> None:
        self.agenda = Agenda()
        self._work = work
        self._on_end = on_end
        self.concurrency = concurrency
        self._clock = clock
        self._running: dict[TargetKey, Run] = {}
        self._waker: asyncio.TimerHandle | None = None
        self._waker_at = float("inf")

    @property
    def running(self) -> Iterable[Run]:
        """The probes under way, those that were given up and are closing too."""
        return self._running.values()

    def set_concurrency(self, concurrency: int) -> None:
        """Take a new bound; what is over a lower one ends before anything else starts."""
        self.concurrency = concurrency
        self._wake(self._clock())

    def plan(self, key: TargetKey, at: float, *, urgent: bool = False) -> None:
        """Plan a target's next start, in place of the one that is planned."""
        self.agenda.plan(key, at, urgent=urgent)
        self._wake(at)

    def give_up(self, key: TargetKey) -> None:
        """Forget a target's plan, and cancel its probe if it is under way."""
        self.agenda.forget(key)
        run = self._running.get(key)
        if run is not None and run.task is not None:
            run.given_up = True
            run.task.cancel()

    async def close(self) -> None:
        """Stop for good: cancel what is under way and wait until it has closed its connections."""
        if self._waker is not None:
            self._waker.cancel()
            self._waker = None
        self._waker_at = float("-inf")
        tasks = [run.task for run in self._running.values() if run.task is not None]
        for key in list(self._running):
            self.give_up(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wake(self, at: float) -> None:
        """See to it that `_start_due` runs at a time, or before."""
        if self._waker_at <= at:
            return
        if self._waker is not None:
            self._waker.cancel()
        self._waker_at = at
        delay = max(0.0, at - self._clock())
        self._waker = asyncio.get_running_loop().call_later(delay, self._start_due)

    def _start_due(self) -> None:
        self._waker = None
        self._waker_at = float("inf")
        now = self._clock()
        for _ in range(_STARTS_A_TURN):
            if len(self._running) >= self.concurrency:
                return  # the next one that ends wakes us
            due = self.agenda.take(now)
            if due is None:
                break
            self._start(*due, now)
        else:
            self._wake(now)
            return
        if (at := self.agenda.next_at()) is not None:
            self._wake(at)

    def _start(self, key: TargetKey, due: float, now: float) -> None:
        if key in self._running:
            # It was given up for this very start: one connection at a time to a target.
            self.agenda.plan(key, now + _CLOSING_SECONDS, urgent=True)
            return
        run = self._running[key] = Run(key, now, now - due)
        run.task = asyncio.get_running_loop().create_task(self._work(run))
        run.task.add_done_callback(partial(self._ended, run))

    def _ended(self, run: Run, task: asyncio.Task[None]) -> None:
        if len(self._running) >= self.concurrency:
            self._wake(self._clock())
        del self._running[run.key]
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if not run.given_up:
            self._on_end(run, error)
