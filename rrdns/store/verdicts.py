"""The verdicts' file: the last verdict of every target, so that a restart readmits no dead node."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rrdns.health.state import TargetState, new_state
from rrdns.store.files import replace_file
from rrdns.targets import Check, TargetKey, Verdict

_log = logging.getLogger("rrdns.store")

EXPIRY_SECONDS = 300.0
_FILE_NAME = "health.json"
_FORMAT = 1
_SAVE_SECONDS = 15.0
# A verdict that changed is on the disk this soon; a node that flaps must not wear the disk out.
_PAUSE_SECONDS = 1.0
_MAX_OCTETS = 16 * 1024 * 1024


class VerdictFile:
    """The file of verdicts in a state directory.

    Times outside are monotonic seconds, in the file unix seconds.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE_NAME
        self._saving = threading.Lock()
        self._trouble: str | None = None
        self._changed = asyncio.Event()

    def save(
        self, states: Mapping[TargetKey, TargetState], monotonic_now: float, unix_now: float
    ) -> None:
        """Replace the file, as a whole or not at all; a failure is logged when it begins."""
        offset = unix_now - monotonic_now
        targets = [
            {
                "address": key.address,
                "port": key.port,
                "check": str(key.check),
                "state": str(state.verdict),
                "since": state.since + offset,
                "probed": state.renewed_at + offset,
            }
            for key, state in states.items()
            if state.renewed_at is not None and state.verdict is not Verdict.UNKNOWN
        ]
        content = json.dumps({"format": _FORMAT, "targets": targets})
        # At the end a last save may meet one that is still under way in its thread.
        with self._saving:
            try:
                replace_file(self._path, content)
            except OSError as error:
                self._tell(error.strerror or repr(error))
            else:
                self._tell(None)

    def _tell(self, trouble: str | None) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble is not None and trouble != before:
            _log.warning("event=save_failed file=%s: %s", self._path, trouble)
        elif trouble is None and before is not None:
            _log.info("event=save_works_again file=%s", self._path)

    def note_change(self) -> None:
        """Have the verdicts saved soon, since one of them changed."""
        self._changed.set()

    async def keep_saving(self, states: Callable[[], Mapping[TargetKey, TargetState]]) -> None:
        """Save what `states` returns after each change and every 15 seconds, until cancelled.

        Saves are a second apart at least.
        """
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _SAVE_SECONDS)
            self._changed.clear()
            # A slow disk must not hold up the probes.
            await asyncio.to_thread(self.save, states(), time.monotonic(), time.time())
            await asyncio.sleep(_PAUSE_SECONDS)

    def restore(self, monotonic_now: float, unix_now: float) -> dict[TargetKey, TargetState]:
        """Return the verdicts that are at most five minutes old.

        They keep the time of their last probe, and from now on lapse like any other.
        """
        try:
            with self._path.open("rb") as file:
                found = json.loads(file.read(_MAX_OCTETS))
            if found["format"] != _FORMAT:
                raise ValueError(f"format {found['format']} is not {_FORMAT}")
            states = [
                _restored(entry, monotonic_now, unix_now)
                for entry in found["targets"]
                if 0 <= unix_now - float(entry["probed"]) <= EXPIRY_SECONDS
            ]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            _log.warning("event=restore_failed file=%s: %s", self._path, error)
            return {}
        return dict(states)


def _restored(
    entry: Mapping[str, Any], monotonic_now: float, unix_now: float
) -> tuple[TargetKey, TargetState]:
    key = TargetKey(str(entry["address"]), int(entry["port"]), Check(entry["check"]))
    offset = unix_now - monotonic_now
    return key, replace(
        new_state(min(float(entry["since"]), unix_now) - offset),
        verdict=Verdict(entry["state"]),
        last_at=float(entry["probed"]) - offset,
        renewed_at=monotonic_now,
    )
