"""The overrides' file: written before an operator is told that they survive, read at the start."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rrdns.health.overrides import Place
from rrdns.health.select import Overrides
from rrdns.store.files import replace_file, set_aside
from rrdns.targets import Override, Verdict

_log = logging.getLogger("rrdns.store")

_FILE_NAME = "overrides.json"
_FORMAT = 1
_MAX_OCTETS = 16 * 1024 * 1024
# In the year 5138; what reads times stops at 9999.
_MAX_TIME = 1e11
_KEYS = {"node", "role", "state", "since", "until", "reason"}


class OverrideFile:
    """The file of all overrides in a state directory; times are unix seconds."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / _FILE_NAME

    def save(self, overrides: Overrides) -> None:
        """Replace the file, as a whole or not at all; on return it is on the disk.

        Raises OSError.
        """
        entries = [
            {
                "node": node,
                "role": role,
                "state": str(override.state),
                "since": override.since,
                "until": override.until,
                "reason": override.reason,
            }
            for (node, role), override in overrides.items()
        ]
        replace_file(self.path, json.dumps({"format": _FORMAT, "overrides": entries}, indent=1))

    def load(self, unix_now: float) -> dict[Place, Override]:
        """Return what the file has, the expired ones too.

        A file that cannot be understood is set aside, whole, and told in the log: an operator may
        want to know what stood there.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(_MAX_OCTETS + 1)
            if len(content) > _MAX_OCTETS:
                raise ValueError(f"it has over {_MAX_OCTETS} octets")
            return _overrides(json.loads(content))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            self._set_aside(f"{type(error).__name__}: {error}", unix_now)
            return {}

    def _set_aside(self, why: str, unix_now: float) -> None:
        try:
            where = f"it is now {set_aside(self.path, unix_now)}"
        except OSError as error:
            where = f"it cannot be renamed: {error.strerror}"
        _log.error(
            "event=overrides_unreadable file=%s: no override is known any more, %s (%s)",
            self.path,
            where,
            why,
        )


def _overrides(found: Any) -> dict[Place, Override]:
    if set(found) != {"format", "overrides"}:
        raise ValueError("it is no file of overrides")
    if found["format"] != _FORMAT:
        raise ValueError(f"its format is {found['format']!r}, not {_FORMAT}")
    return dict(map(_entry, found["overrides"]))


def _entry(entry: Mapping[str, Any]) -> tuple[Place, Override]:
    if set(entry) != _KEYS:
        raise ValueError(f"an override has other keys than {', '.join(sorted(_KEYS))}")
    role, until = entry["role"], entry["until"]
    state = Verdict(entry["state"])
    if state is Verdict.UNKNOWN:
        raise ValueError("an override is up or down")
    place = _text(entry["node"]), None if role is None else _text(role)
    until = None if until is None else _time(until)
    return place, Override(state, _time(entry["since"]), until, _text(entry["reason"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no time")
    # Not a number is not less than anything.
    if not 0 <= value < _MAX_TIME:
        raise ValueError(f"{value!r} is no time of an override")
    return float(value)
