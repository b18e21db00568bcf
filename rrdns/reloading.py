"""Reloads: one at a time, prepared beside the event loop, taken over on it or refused whole."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from rrdns.errors import RrdnsError
from rrdns.loading import Loaded
from rrdns.web.view import Reloaded, ReloadState

_log = logging.getLogger("rrdns")

Prepared = TypeVar("Prepared")


class Reloads(Generic[Prepared]):
    """Carries out reloads, and keeps how the last one ended in `state`.

    `prepare` runs in a thread and may raise; `take_over` gets its result on the event loop, and
    returns what tells of the changes, a line each: it is called in a thread when they are in force.
    `tell` is what systemd is told with.
    """

    def __init__(
        self,
        first: ReloadState,
        *,
        prepare: Callable[[], Prepared],
        take_over: Callable[[Prepared], Callable[[], list[str]]],
        tell: Callable[[str], None],
    ) -> None:
        self.state = first
        self._prepare = prepare
        self._take_over = take_over
        self._tell = tell
        self._under_way = asyncio.Lock()
        self._tasks: set[asyncio.Task[Reloaded]] = set()

    @property
    def requested(self) -> bool:
        """Whether a reload that was asked for by `request` has not ended yet."""
        return bool(self._tasks)

    def request(self) -> None:
        """Reload when the event loop comes to it; the outcome is in the log and in `state`."""
        # The event loop keeps no strong reference to a task.
        task = asyncio.create_task(self.reload(), name="reload")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reload(self) -> Reloaded:
        """Reload; a refused one changes nothing."""
        async with self._under_way:
            self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                prepared = await asyncio.to_thread(self._prepare)
            except RrdnsError as error:
                return self._refuse(str(error))
            except Exception as error:
                _log.exception("a reload failed, please report it")
                return self._refuse(f"the reload failed: {error!r}")
            finally:
                self._tell("READY=1")
            describe = self._take_over(prepared)
            del prepared
            now = time.time()
            self.state = ReloadState(True, now, None, now)
            changes = await asyncio.to_thread(describe)
            for line in changes:
                _log.info("event=changed %s", line)
            return Reloaded(changes=changes)

    def _refuse(self, errors: str) -> Reloaded:
        self.state = replace(self.state, last_successful=False, last_error=errors)
        lines = errors.splitlines()
        _log.error("event=reload_refused errors=%d", len(lines))
        for line in lines:
            _log.error("%s", line)
        return Reloaded(errors=lines)


def first_state(loaded: Loaded, unix_now: float) -> ReloadState:
    """Return how the load at the start ended: a tolerant one may have left bad lines out."""
    errors = [str(problem) for problem in loaded.problems if problem.severity == "error"]
    return ReloadState(not errors, unix_now, "\n".join(errors) or None, unix_now)
