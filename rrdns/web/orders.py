"""An operator's order as `PUT /api/v1/nodes/NAME[/ROLE]` takes it, and what it came to as JSON."""

import json
from typing import Any

from rrdns.config.document import Scalar
from rrdns.config.scalars import DAY_SECONDS, duration
from rrdns.health.overrides import Change, Done, Order
from rrdns.targets import Verdict
from rrdns.web.status import override_entry

MAX_REASON_CHARACTERS = 200
_STATES = {"up": Verdict.UP, "down": Verdict.DOWN, "auto": None}
_KEYS = ("state", "for", "reason")
_read_duration = duration(1, 366 * DAY_SECONDS)


def read_order(pattern: str, body: bytes) -> Order:
    """Return the order that a request's body holds; ValueError says what is wrong with it."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError('the body must be an object such as {"state": "down", "for": "2h"}')
    for key in found:
        if key not in _KEYS:
            raise ValueError(f"unknown key {key!r}: there are state, for and reason")
    state, reason = found.get("state"), found.get("reason")
    if not isinstance(state, str) or state not in _STATES:
        raise ValueError(f"state must be down, up or auto, not {json.dumps(state)}")
    seconds = _seconds(found.get("for"))
    if seconds is not None and _STATES[state] is None:
        raise ValueError("for goes with down and up: auto lifts an override at once")
    return Order(pattern, _STATES[state], seconds, _reason(reason))


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str) and not number:
        raise ValueError(f"for must be a duration such as 2h, not {json.dumps(value)}")
    try:
        seconds: float = _read_duration(Scalar(f"{value}", "str"))
    except ValueError as error:
        raise ValueError(f"for {error}") from None
    return seconds


def _reason(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"reason must be text, not {json.dumps(value)}")
    # It is shown on terminals and stands in one line of the log.
    if len(value) > MAX_REASON_CHARACTERS or not value.isprintable():
        raise ValueError(
            f"reason must be one line of printable text, of up to {MAX_REASON_CHARACTERS}"
            " characters"
        )
    return value


def done_entry(done: Done) -> dict[str, Any]:
    """Return what an order came to as JSON takes it."""
    warnings = list(done.warnings)
    if done.not_kept is not None:
        warnings.insert(0, f"this will not survive a restart: {done.not_kept}")
    return {
        "ok": True,
        "changed": [_change(change) for change in done.changes],
        "kept": done.not_kept is None,
        "warnings": warnings,
    }


def _change(change: Change) -> dict[str, Any]:
    node, role = change.place
    was, now = (
        None if override is None else override_entry(change.place, override)
        for override in (change.was, change.now)
    )
    return {"node": node, "role": role, "was": was, "override": now}
