"""One target as the scheduler watches it, and what time does to what is known of it.

Rules of this room: times are arguments, seconds of one monotonic clock; nothing here probes.
"""

from dataclasses import dataclass, replace
from typing import Final

from rrdns.health.events import describe_target
from rrdns.health.state import TargetState, lapse, lapse_seconds, unprobed_state
from rrdns.targets import Check, Reason, Target

# All deadlines of a probe, and that of QUIT, have passed so long after a verdict lapsed.
_HUNG_SECONDS: Final = 5.0


@dataclass(slots=True, eq=False)
class Watched:
    """A target, by whom it is used in words, and its state.

    `quiet_since` is when anything was last heard of it; time that it was in line is left out.
    `holds_seconds` is for how long a verdict holds that is not renewed. `failed_by` are the reasons
    that probes of it failed for.
    """

    target: Target
    used_by: str
    state: TargetState
    quiet_since: float
    holds_seconds: float
    failed_by: tuple[Reason, ...] = ()

    @property
    def words(self) -> str:
        """The target in words, for the log."""
        return describe_target(self.target, self.used_by)

    def retarget(self, target: Target) -> None:
        """Take new settings; what is known stays."""
        self.target = target
        self.holds_seconds = lapse_seconds(target.settings)

    def lapsed(self, now: float) -> TargetState | None:
        """Return the state that the present one has lapsed to, None while it holds."""
        renewed_at = self.state.renewed_at
        if renewed_at is None or now - renewed_at <= self.holds_seconds:
            return None
        return lapse(self.state, now, self.target.settings)

    def is_stuck(self, now: float) -> bool:
        """Tell whether nothing was heard for longer than a verdict holds."""
        return now - self.quiet_since > self.holds_seconds and is_probed(self.target)

    def is_hung(self, probing_seconds: float) -> bool:
        """Tell whether a probe has been under way for longer than all its deadlines allow."""
        return probing_seconds > self.holds_seconds + _HUNG_SECONDS

    def excuse(self, stall_seconds: float, now: float) -> None:
        """Let no verdict age by a time in which nothing could be probed."""
        self.quiet_since = min(now, self.quiet_since + stall_seconds)
        if (renewed_at := self.state.renewed_at) is not None:
            self.state = replace(self.state, renewed_at=min(now, renewed_at + stall_seconds))


def watch(target: Target, used_by: str, fresh: TargetState, now: float) -> Watched:
    """Return a target as it is watched first: with the state `fresh` if it is probed at all."""
    state = fresh if is_probed(target) else unprobed_state(now)
    return Watched(target, used_by, state, now, lapse_seconds(target.settings))


def is_probed(target: Target) -> bool:
    """Tell whether a target is probed at all."""
    return target.settings.check is not Check.NONE
