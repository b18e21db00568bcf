"""Who is probed when: a task for each target, and a timer that lets verdicts lapse.

Owns the state of every target. Everything runs on one event loop; a probe whose deadline passed
while that loop was late is void, because the silence may have been ours.
"""

import asyncio
import json
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from rrdns.health.probe import full_host_name, is_full_name, probe
from rrdns.health.state import (
    TargetState,
    health,
    lapse,
    new_state,
    next_interval_seconds,
    step,
    unprobed_state,
)
from rrdns.targets import Check, Health, ProbeResult, Reason, Target, TargetKey, Verdict

logger = logging.getLogger("rrdns.health")

_JITTER: Final = 0.1
# Starts are this far apart, but all within a second, so that the first round stays short.
_SPREAD_SECONDS: Final = 0.002
_SPREAD_STARTS: Final = 500
_TICK_SECONDS: Final = 0.05
_LAPSE_CHECK_SECONDS: Final = 1.0
_LATE_SECONDS: Final = 0.25


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


@dataclass(slots=True)
class _Watched:
    target: Target
    state: TargetState
    told: Health
    task: asyncio.Task[None] | None = None


class Scheduler:
    """Probes targets, keeps their states, and calls `on_change` when an effective state changed.

    To be used from one event loop. `concurrency` bounds the probes under way at once; `clock` is
    the loop's monotonic one, in seconds.
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
        self._slots = asyncio.Semaphore(concurrency)
        self._on_change = on_change
        self._prober = prober
        self._clock = clock
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing
        self._watched: dict[TargetKey, _Watched] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._judged = asyncio.Event()
        self._late_until = float("-inf")
        self._lapse_check_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("-inf")
        name = socket.gethostname()
        self._host_name = name if is_full_name(name) else None
        if self._host_name is None:
            # A resolver may be slow or, while a machine starts, be waiting for us; no probe waits
            # for it, because an address literal does as well.
            threading.Thread(target=self._learn_host_name, daemon=True).start()

    def _learn_host_name(self) -> None:
        self._host_name = full_host_name()

    @property
    def states(self) -> Mapping[TargetKey, TargetState]:
        """The state of every target, as of now."""
        now = self._clock()
        return {
            key: lapse(watched.state, now, watched.target.settings)
            for key, watched in self._watched.items()
        }

    def healths(self) -> dict[TargetKey, Health]:
        """Return the effective state of every target, as of now."""
        return {key: health(state) for key, state in self.states.items()}

    def set_concurrency(self, concurrency: int) -> None:
        """Bound the probes that start from now on."""
        self._slots = asyncio.Semaphore(concurrency)

    def set_targets(self, targets: Iterable[Target], *, added_by_reload: bool) -> None:
        """Probe exactly these from now on; a target whose key stays keeps its state.

        Does not call `on_change`: who changes the targets makes a new snapshot anyway.
        """
        wanted = {target.key: target for target in targets}
        for key in self._watched.keys() - wanted.keys():
            self._stop(self._watched.pop(key))
            for counted in [counted for counted in self.failures if counted[0] == key]:
                del self.failures[counted]
        starts = 0
        for key, target in wanted.items():
            watched = self._watched.get(key)
            if watched is None:
                watched = self._watched[key] = self._new(target, added_by_reload)
            elif watched.target == target:
                continue
            self._stop(watched)
            watched.target = target
            if target.settings.check is not Check.NONE:
                delay = starts % _SPREAD_STARTS * _SPREAD_SECONDS
                watched.task = asyncio.create_task(self._watch(watched, delay))
                starts += 1
        self._judged.set()
        self._arm()

    def _new(self, target: Target, added_by_reload: bool) -> _Watched:
        now = self._clock()
        if target.settings.check is Check.NONE:
            state = unprobed_state(now)
        else:
            state = new_state(now, added_by_reload)
        return _Watched(target, state, health(state))

    def restore(self, states: Mapping[TargetKey, TargetState]) -> None:
        """Take over what was known before a restart, of the targets that no probe has judged."""
        for key, state in states.items():
            watched = self._watched.get(key)
            if watched is not None and watched.state.verdict is Verdict.UNKNOWN:
                watched.state = state
                watched.told = health(state)

    async def first_round(self, limit_seconds: float = 5.0) -> None:
        """Return when every target has a verdict, or when the limit passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_seconds):
                while any(w.state.verdict is Verdict.UNKNOWN for w in self._watched.values()):
                    self._judged.clear()
                    await self._judged.wait()

    async def close(self) -> None:
        """Stop all probes and wait until their connections are closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for watched in self._watched.values():
            self._stop(watched)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _stop(self, watched: _Watched) -> None:
        if watched.task is not None:
            watched.task.cancel()
            self._ending.add(watched.task)
            watched.task.add_done_callback(self._ending.discard)
            watched.task = None

    async def _watch(self, watched: _Watched, delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            async with self._slots:
                started = self._clock()
                try:
                    await self._probe(watched)
                except Exception:
                    logger.exception("event=probe_error %s", _describe(watched.target))
            pace = next_interval_seconds(watched.state, watched.target.settings)
            pace *= 1 - _JITTER * self._random.random()
            await asyncio.sleep(max(0.0, started + pace - self._clock()))

    async def _probe(self, watched: _Watched) -> None:
        helo = watched.target.settings.helo or self._host_name
        counted = False

        def on_verdict(result: ProbeResult) -> None:
            nonlocal counted
            counted = self._take(watched, result)

        result = await self._prober(watched.target, helo=helo, on_verdict=on_verdict)
        if counted:
            # The same result, now with the seconds of QUIT.
            watched.state = replace(watched.state, last=result)

    def _take(self, watched: _Watched, result: ProbeResult) -> bool:
        """Count one result; return False for a void one."""
        now = self._clock()
        described = _describe(watched.target)
        logger.debug("event=probe %s %s", described, _describe_result(result))
        if result.reason is Reason.TIMEOUT and now - self._late_until < _LATE_SECONDS:
            self.voided += 1
            logger.warning("event=probe_void %s: this process was too busy to tell", described)
            return False
        key = watched.target.key
        if not result.ok:
            self.failures[key, result.reason] = self.failures.get((key, result.reason), 0) + 1
        before = watched.state.last
        if result.reason is Reason.LOCAL and (before is None or before.reason is not Reason.LOCAL):
            logger.warning("event=probe_local %s: this machine's own trouble", described)
        settings = watched.target.settings
        self._enter(watched, step(watched.state, result, now, settings))
        return True

    def _enter(self, watched: _Watched, state: TargetState) -> None:
        """Take over a state, and tell who has to know what changed."""
        before, watched.state = watched.state, state
        if state.verdict is not before.verdict:
            self._judged.set()
            level = logging.INFO if state.verdict is Verdict.UP else logging.WARNING
            result = _describe_result(state.last) if state.last is not None else ""
            described = _describe(watched.target)
            change = f"state={state.verdict} was={before.verdict}"
            logger.log(level, "event=target_state %s %s %s", described, change, result)
        if health(state) is not watched.told:
            watched.told = health(state)
            self._on_change()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer_at = self._clock() + _TICK_SECONDS
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        # A plain timer, not a task: the loop runs it before any task that a late deadline wakes,
        # and it goes on whatever becomes of the probes.
        now = self._clock()
        if now - self._timer_at > _LATE_SECONDS:
            self._late_until = now
        self._timer = None
        self._arm()
        if now >= self._lapse_check_at:
            self._lapse_check_at = now + _LAPSE_CHECK_SECONDS
            for watched in self._watched.values():
                self._enter(watched, lapse(watched.state, now, watched.target.settings))


def _describe(target: Target) -> str:
    settings = target.settings
    return f"address={target.address} port={settings.port} check={settings.check}"


def _describe_result(result: ProbeResult) -> str:
    words = [f"result={result.reason}"]
    if result.phase is not None:
        words.append(f"phase={result.phase}")
    if result.code is not None:
        words.append(f"code={result.code}")
    if result.text is not None:
        words.append(f"text={json.dumps(result.text)}")
    return " ".join(words)
