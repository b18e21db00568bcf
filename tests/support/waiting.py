"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T],
    deadline_seconds: float,
    what: str,
    *,
    pause_seconds: float = 0.05,
) -> T:
    """Return the condition's first true value; AssertionError names `what` after the deadline."""
    end = time.monotonic() + deadline_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline_seconds} s (last: {value!r})")
        time.sleep(pause_seconds)
