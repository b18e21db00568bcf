"""The overrides in force: carried out at once, then written down, ended when their time is up.

Owns them from the start to the stop. What they do to answers is for others: `on_change` is called
whenever there are others than before. In a running server the monotonic clock says when one ends,
across a restart the calendar does, so that a clock that is set ends none too early or too late.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from rrdns.health.overrides import (
    Change,
    Order,
    Place,
    carried_out,
    changes,
    idle,
    place_text,
    remaining_seconds,
    unexpired,
)
from rrdns.health.select import Overrides
from rrdns.settings import Config
from rrdns.store.overrides import OverrideFile
from rrdns.targets import Override

_log = logging.getLogger("rrdns.overrides")

# An operator waits no longer for a disk that hangs; the override is in force meanwhile.
_SAVE_SECONDS = 5.0
_RETRY_SECONDS = 2.0
NOT_KEPT = "server.state_directory is not in use"


class Overriding:
    """All overrides of one server; to be used from one event loop.

    `current` and `saved` are mappings that nobody changes in place: those in force, and those that
    a restart would find.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.current: Overrides = {}
        self.saved: Overrides = {}
        self._on_change = on_change
        self._file: OverrideFile | None = None
        self._deadlines: dict[Place, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing = asyncio.Lock()
        self._writes: set[asyncio.Task[str | None]] = set()
        self._trouble: str | None = None

    # --- from start to stop -------------------------------------------------------------------

    def start(self, file: OverrideFile | None, stack: contextlib.AsyncExitStack) -> None:
        """Take up what a file has, and keep what comes in it; None is no file."""
        self._file = file
        stack.push_async_callback(self._stop)
        if file is None:
            return
        unix_now = time.time()
        self.current = self.saved = file.load(unix_now)
        if len(held := unexpired(self.saved, unix_now)) < len(self.saved):
            self.current = held
        for place, override in self.saved.items():
            _tell("restored" if place in held else "expired", place, override)
        self._set_deadlines(self.current)
        self._arm()
        retrying = asyncio.create_task(self._retry(), name="retry-overrides")
        stack.callback(retrying.cancel)

    async def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._save()

    def tell_idle(self, config: Config) -> None:
        """Tell in the log which overrides a configuration has nothing for."""
        for place in idle(self.current, config):
            _log.warning(
                "event=override_idle %s: the configuration has no such node or role; it holds when"
                " one comes back, or lift it: rrdns node auto %s",
                _described(place),
                place_text(place),
            )

    # --- changing -----------------------------------------------------------------------------

    async def carry_out(
        self, order: Order, roles: Mapping[str, Sequence[str]]
    ) -> tuple[tuple[Change, ...], str | None]:
        """Do what an operator wants at once, then keep it for a restart.

        Returns what changed, and why a restart would not find it, None where it would. Raises
        NoSuchNodeError.
        """
        after = carried_out(self.current, order, roles, time.time())
        done = changes(self.current, after)
        if not done:
            return (), None
        self._enter(after)
        for change in done:
            if change.now is not None:
                _tell("set", change.place, change.now)
            elif change.was is not None:
                _tell("lifted", change.place, change.was, order.reason)
        why = await self._save()
        if why is not None:
            _log.warning("event=override_not_kept: it will not survive a restart: %s", why)
        return done, why

    def _enter(self, after: Overrides) -> None:
        new = {change.place: change.now for change in changes(self.current, after)}
        self.current = after
        self._deadlines = {
            place: deadline
            for place, deadline in self._deadlines.items()
            if place in after and place not in new
        }
        self._set_deadlines({place: now for place, now in new.items() if now is not None})
        self._arm()
        self._on_change()

    def _set_deadlines(self, overrides: Overrides) -> None:
        loop_now, unix_now = asyncio.get_running_loop().time(), time.time()
        for place, override in overrides.items():
            left = remaining_seconds(override, unix_now)
            if left is not None:
                self._deadlines[place] = loop_now + left

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._deadlines:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(min(self._deadlines.values()), self._expire)

    def _expire(self) -> None:
        # The loop may call a timer a tick of its clock too early.
        now = asyncio.get_running_loop().time() + 0.001
        gone = {place for place, deadline in self._deadlines.items() if deadline <= now}
        for place in gone:
            _tell("expired", place, self.current[place])
        self._enter({place: one for place, one in self.current.items() if place not in gone})
        self._start_write()

    # --- keeping ------------------------------------------------------------------------------

    async def _save(self) -> str | None:
        """Return None once what is in force is on the disk, else why it is not."""
        if self._file is None:
            return NOT_KEPT
        if self.saved is self.current:
            return None
        try:
            return await asyncio.wait_for(asyncio.shield(self._start_write()), _SAVE_SECONDS)
        except TimeoutError:
            return f"{self._file.path} was not written within {_SAVE_SECONDS:g} s"

    def _start_write(self) -> asyncio.Task[str | None]:
        # A client that goes away must not stop a write; the event loop keeps no task alive.
        task = asyncio.create_task(self._write(), name="write-overrides")
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def _write(self) -> str | None:
        async with self._writing:
            overrides = self.current
            if self._file is None or self.saved is overrides:
                return None
            try:
                await asyncio.to_thread(self._file.save, overrides)
            except OSError as error:
                self._note_trouble(f"{self._file.path}: {error.strerror or error}")
                return self._trouble
            self.saved = overrides
            self._note_trouble(None)
            return None

    def _note_trouble(self, trouble: str | None) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble is not None and trouble != before:
            _log.error("event=overrides_not_saved %s", trouble)
        elif trouble is None and before is not None:
            _log.info("event=overrides_saved_again: they survive a restart now")

    async def _retry(self) -> None:
        while True:
            if self.saved is not self.current:
                await self._start_write()
            await asyncio.sleep(_RETRY_SECONDS)


def _tell(event: str, place: Place, override: Override, reason: str = "") -> None:
    words = [f"event=override_{event}", _described(place)]
    words += [f"state={override.state}", f"since={_text(override.since)}"]
    if override.until is not None:
        words.append(f"until={_text(override.until)}")
    if override.reason:
        words.append(f"reason={json.dumps(override.reason, ensure_ascii=False)}")
    if reason:
        words.append(f"why={json.dumps(reason, ensure_ascii=False)}")
    _log.info("%s", " ".join(words))


def _described(place: Place) -> str:
    node, role = place
    return f"node={node}" if role is None else f"node={node} role={role}"


def _text(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
