"""What survives a restart: the last verdict of every target, in a file of the state directory.

A file that is missing, old or broken is no reason not to start: the probes find out anyway.
"""

import asyncio
import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rrdns.errors import StartError
from rrdns.health.state import TargetState, new_state
from rrdns.settings import DEFAULT_STATE_DIRECTORY
from rrdns.targets import Check, TargetKey, Verdict

_log = logging.getLogger("rrdns.store")

EXPIRY_SECONDS = 300.0
_FILE_NAME = "health.json"
_FORMAT = 1
_SAVE_SECONDS = 15.0
_MAX_OCTETS = 16 * 1024 * 1024


class Store:
    """The state directory; times outside are monotonic seconds, in the file unix seconds."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE_NAME
        self._saving = threading.Lock()

    def check_writable(self) -> None:
        """Raise StartError, with what to do, if nothing can be kept here."""
        directory = self._path.parent
        try:
            probe = directory / f".{_FILE_NAME}.{os.getpid()}"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            raise StartError(
                f"cannot write to server.state_directory {directory}: {error.strerror};"
                " create it for this user, or set it to null to keep nothing"
            ) from error

    def save(
        self, states: Mapping[TargetKey, TargetState], monotonic_now: float, unix_now: float
    ) -> None:
        """Replace the file, as a whole or not at all; a failure is logged."""
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
        content = json.dumps({"format": _FORMAT, "targets": targets}, indent=1)
        temporary = self._path.with_suffix(".tmp")
        # At the end a last save may meet one that is still under way in its thread.
        with self._saving:
            try:
                with temporary.open("w", encoding="utf-8") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self._path)
            except OSError as error:
                _log.warning("event=save_failed file=%s: %s", self._path, error.strerror)
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)

    async def keep_saving(self, states: Callable[[], Mapping[TargetKey, TargetState]]) -> None:
        """Save what `states` returns every 15 seconds, until cancelled."""
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            # A slow disk must not hold up the probes.
            await asyncio.to_thread(self.save, states(), time.monotonic(), time.time())

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


def open_store(directory: str | None) -> Store | None:
    """Return the store in a directory, None for no directory.

    Raises StartError if nothing can be kept in a directory that the operator named; the default
    one is done without, with a warning.
    """
    if directory is None:
        return None
    store = Store(Path(directory))
    try:
        store.check_writable()
    except StartError as error:
        if directory != DEFAULT_STATE_DIRECTORY:
            raise
        _log.warning("nothing will be kept for a restart: %s", error)
        return None
    return store


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
