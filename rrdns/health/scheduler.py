"""The scheduler: has targets probed, takes the results, and owns the state of every target.

Everything runs on one event loop. Who is probed when is the pacer's business, whether the loop ran
late the pulse's; a result that lateness may have made is void.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Protocol

from rrdns.health.events import describe_change, describe_result
from rrdns.health.hostname import HostName
from rrdns.health.lateness import BEAT_SECONDS, Pulse, excuses
from rrdns.health.pacer import Pacer, Run
from rrdns.health.probe import probe
from rrdns.health.state import TargetState, health, new_state, next_interval_seconds, step
from rrdns.health.tally import Tally
from rrdns.health.watched import Watched, is_probed, watch
from rrdns.targets import Health, ProbeResult, Reason, Target, TargetKey, Verdict

logger = logging.getLogger("rrdns.health")

_JITTER: Final = 0.1
# A toss says where within the jitter a start falls, and the load in which of its parts it is moved.
_PARTS_OF_JITTER: Final = tuple(part / 8 for part in range(8))
# First starts are this far apart, but all within a second, so that the first round stays short.
_SPREAD_SECONDS: Final = 0.002
_SPREAD_STARTS: Final = 500
_LOOK_SECONDS: Final = 1.0
# Shorter stalls make no difference to how long a verdict holds.
_EXCUSED_STALL_SECONDS: Final = 1.0
_STOPPED_SECONDS: Final = 5.0
_BEHIND_SECONDS: Final = 5.0
_TELL_AGAIN_SECONDS: Final = 60.0


class Prober(Protocol):
    """One probe of one target; `rrdns.health.probe.probe` is the one that serves."""

    async def __call__(
        self,
        target: Target,
        *,
        helo: str | None,
        on_verdict: Callable[[ProbeResult], None],
    ) -> ProbeResult:
        """Return how the probe ended, and tell `on_verdict` as soon as that is certain."""


class Scheduler:
    """Probes targets, keeps their states, and calls `on_change` when an effective state changed.

    To be used from one event loop. `concurrency` bounds the probes under way at once; `clock` is
    the loop's monotonic one, in seconds. While `obstacle` says why nothing can be probed, every
    probe ends with that as this machine's own trouble. `stuck` holds the targets that no probe told
    anything of for longer than a verdict holds, though it was their turn.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        on_change: Callable[[], None],
        prober: Prober = probe,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failures: dict[tuple[TargetKey, Reason], int] = {}
        self.voided = 0
        self.obstacle: str | None = None
        self.stuck: tuple[TargetKey, ...] = ()
        self._on_change = on_change
        self._prober = prober
        self._clock = clock
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing
        self._watched: dict[TargetKey, Watched] = {}
        self._healths: dict[TargetKey, Health] = {}
        self._unjudged: set[TargetKey] = set()
        self._all_judged = asyncio.Event()
        self._pacer = Pacer(self._probe, self._ended, concurrency=concurrency, clock=clock)
        self._pulse = Pulse(clock())
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = self._tell_behind_at = float("-inf")
        self._tally = Tally()
        self._host_name = HostName()

    @property
    def states(self) -> Mapping[TargetKey, TargetState]:
        """The state of every target; a verdict lapses within a second of its time."""
        return {key: watched.state for key, watched in self._watched.items()}

    def healths(self) -> dict[TargetKey, Health]:
        """Return the effective state of every target."""
        return self._healths.copy()

    @property
    def beats(self) -> bool:
        """Whether the timer runs that lets verdicts lapse and looks after the probes."""
        return self._clock() - self._pulse.due < _STOPPED_SECONDS

    def set_concurrency(self, concurrency: int) -> None:
        """Bound the probes under way; those over a lower bound end, and none starts before."""
        self._pacer.set_concurrency(concurrency)

    def set_targets(
        self,
        targets: Iterable[Target],
        *,
        added_by_reload: bool,
        used_by: Mapping[TargetKey, str] = MappingProxyType({}),
    ) -> None:
        """Probe exactly these from now on; a target whose key stays keeps its state.

        `used_by` says in words who uses a target, for the log. Does not call `on_change`: who
        changes the targets makes a new snapshot anyway.
        """
        wanted = {target.key: target for target in targets}
        for key in self._watched.keys() - wanted.keys():
            self._forget(key)
        now = self._clock()
        fresh = new_state(now, added_by_reload)
        starts = 0
        for key, target in wanted.items():
            watched = self._watched.get(key)
            if watched is None:
                added = self._watched[key] = watch(target, used_by.get(key, ""), fresh, now)
                self._healths[key] = health(added.state)
                if added.state is fresh:
                    self._unjudged.add(key)
            else:
                watched.used_by = used_by.get(key, "")
                if watched.target == target:
                    continue
                self._pacer.give_up(key)
                watched.retarget(target)
            if is_probed(target):
                delay = starts % _SPREAD_STARTS * _SPREAD_SECONDS
                self._pacer.plan(key, now + delay, urgent=watched is None)
                starts += 1
        self._note_if_all_judged()
        if self._timer is None:
            self._pulse = Pulse(now)
            self._arm()

    def _forget(self, key: TargetKey) -> None:
        self._pacer.give_up(key)
        self._unjudged.discard(key)
        for reason in self._watched[key].failed_by:
            del self.failures[key, reason]
        del self._watched[key], self._healths[key]

    def restore(self, states: Mapping[TargetKey, TargetState]) -> None:
        """Take over what was known before a restart, of the targets that no probe has judged."""
        for key, state in states.items():
            watched = self._watched.get(key)
            if watched is not None and watched.state.verdict is Verdict.UNKNOWN:
                watched.state = state
                self._healths[key] = health(state)
                self._unjudged.discard(key)
        self._note_if_all_judged()

    async def first_round(self, limit_seconds: float = 5.0) -> None:
        """Return when every target has a verdict, or when the limit passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_seconds):
                while self._unjudged:
                    self._all_judged.clear()
                    await self._all_judged.wait()

    def _note_if_all_judged(self) -> None:
        if not self._unjudged:
            self._all_judged.set()

    async def close(self) -> None:
        """Stop all probes and wait until their connections are closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._pacer.close()

    # --- one probe ----------------------------------------------------------------------------

    async def _probe(self, run: Run) -> None:
        watched = self._watched[run.key]
        watched.quiet_since += run.waited_seconds
        counted = False

        def on_verdict(result: ProbeResult) -> None:
            nonlocal counted
            counted = not run.given_up and self._take(run.key, watched, result)

        if self.obstacle is not None:
            on_verdict(ProbeResult(Reason.LOCAL, "connect", None, self.obstacle))
            return
        helo = watched.target.settings.helo or self._host_name.text
        result = await self._prober(watched.target, helo=helo, on_verdict=on_verdict)
        if counted:
            # The same result, now with the seconds of QUIT.
            watched.state = replace(watched.state, last=result)

    def _ended(self, run: Run, error: BaseException | None) -> None:
        watched = self._watched[run.key]
        if error is not None:
            logger.error("event=probe_error %s", watched.words, exc_info=error)
        now = self._clock()
        settings = watched.target.settings
        pace = next_interval_seconds(watched.state, settings)
        at = run.started + pace
        if at > now:
            spare = min(at - now, pace * _JITTER)
            toss = self._random.random()
            at = self._pacer.agenda.calmest(
                [at - spare * ((toss + part) % 1.0) for part in _PARTS_OF_JITTER]
            )
        self._pacer.plan(run.key, max(at, now), urgent=pace < settings.interval_seconds)

    def _take(self, key: TargetKey, watched: Watched, result: ProbeResult) -> bool:
        """Count one result; return False for a void one."""
        now = self._clock()
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("event=probe %s %s", watched.words, describe_result(result))
        if excuses(result) and self._pulse.is_late(now):
            self.voided += 1
            self._tally.add("event=probe_void", watched.words)
            return False
        watched.quiet_since = now
        if not result.ok:
            self._count(key, watched, result.reason)
        before = watched.state.last
        if result.reason is Reason.LOCAL and (before is None or before.reason is not Reason.LOCAL):
            self._tally.add(f"event=probe_local {describe_result(result)}", watched.words)
        self._enter(key, watched, step(watched.state, result, now, watched.target.settings))
        return True

    def _count(self, key: TargetKey, watched: Watched, reason: Reason) -> None:
        self.failures[key, reason] = self.failures.get((key, reason), 0) + 1
        if reason not in watched.failed_by:
            watched.failed_by += (reason,)

    def _enter(self, key: TargetKey, watched: Watched, state: TargetState) -> None:
        """Take over a state, and tell who has to know what changed."""
        before, watched.state = watched.state, state
        if state.verdict is not before.verdict:
            level = logging.INFO if state.verdict is Verdict.UP else logging.WARNING
            change = describe_change(before, state)
            logger.log(level, "event=target_state %s %s", watched.words, change)
            if state.verdict is not Verdict.UNKNOWN and key in self._unjudged:
                self._unjudged.discard(key)
                self._note_if_all_judged()
        if (effective := health(state)) is not self._healths[key]:
            self._healths[key] = effective
            self._on_change()

    # --- looking after all --------------------------------------------------------------------

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        # A plain timer, not a task: it goes on whatever becomes of the probes.
        self._arm()
        now = self._clock()
        stall = self._pulse.beat(now)
        if stall >= _EXCUSED_STALL_SECONDS:
            self._excuse(stall, now)
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            self._look_round(now)

    def _excuse(self, stall: float, now: float) -> None:
        """Let no verdict age, and no probe count as hung, by a time in which nothing ran."""
        logger.warning("event=stalled seconds=%.3f", stall)
        for watched in self._watched.values():
            watched.excuse(stall, now)
        for run in self._pacer.running:
            run.started = min(now, run.started + stall)

    def _look_round(self, now: float) -> None:
        for event, count, example in self._tally.take():
            logger.warning("%s probes=%d %s", event, count, example)
        self._give_up_hung(now)
        agenda = self._pacer.agenda
        stuck = []
        for key, watched in self._watched.items():
            if (lapsed := watched.lapsed(now)) is not None:
                self._enter(key, watched, lapsed)
            if watched.is_stuck(now) and watched.is_stuck(now - agenda.waiting_seconds(key, now)):
                stuck.append(key)
        self.stuck = tuple(stuck)
        behind = agenda.behind_seconds(now)
        if behind > _BEHIND_SECONDS and now >= self._tell_behind_at:
            self._tell_behind_at = now + _TELL_AGAIN_SECONDS
            logger.warning(
                "event=probes_behind seconds=%.1f concurrency=%d", behind, self._pacer.concurrency
            )

    def _give_up_hung(self, now: float) -> None:
        for run in self._pacer.running:
            seconds = now - run.started
            if not run.given_up and self._watched[run.key].is_hung(seconds):
                words = self._watched[run.key].words
                logger.error("event=probe_hung seconds=%.1f %s", seconds, words)
                self._pacer.give_up(run.key)
                self._pacer.plan(run.key, now)
