"""Lateness: whether the event loop that probes ran late, and what that excuses.

Rules of this room: every time is an argument, in seconds of one monotonic clock.
"""

from typing import Final

from rrdns.targets import ProbeResult, Reason

BEAT_SECONDS: Final = 0.05
LATE_SECONDS: Final = 0.25


class Pulse:
    """Tells from beats, each BEAT_SECONDS after the one before, when the loop was late."""

    def __init__(self, now: float) -> None:
        self._due = now + BEAT_SECONDS
        self._late_until = float("-inf")

    @property
    def due(self) -> float:
        """When the next beat is to come."""
        return self._due

    def beat(self, now: float) -> float:
        """Take a beat; return by how many seconds it was late, 0 if not over LATE_SECONDS."""
        late = now - self._due
        self._due = now + BEAT_SECONDS
        if late <= LATE_SECONDS:
            return 0.0
        self._late_until = now
        return late

    def is_late(self, now: float) -> bool:
        """Tell whether what comes now may come of lateness.

        Either the next beat is late by now, or one was a moment ago: whatever waited for a loop
        that stood still is handled in a few turns after it.
        """
        return now - self._due > LATE_SECONDS or now - self._late_until <= LATE_SECONDS


def excuses(result: ProbeResult) -> bool:
    """Tell whether our own silence may be what made a probe end so.

    A deadline of ours may have passed before we looked, and a peer that waited for us in vain may
    have said 421 (RFC 5321, section 3.8), closed or reset. But a connection that was refused, and a
    greeting or a reply that turns us away, were so whenever we looked.
    """
    match result.reason:
        case Reason.TIMEOUT | Reason.PROTOCOL | Reason.TLS:
            return True
        case Reason.UNREACHABLE:
            return result.phase != "connect"
        case Reason.BUSY:
            return result.code == 421 and result.phase != "banner"
        case _:
            return False
