"""The state machine of one target: results in, verdicts out.

Rules of this room: pure functions over a frozen value. No I/O, no clock: every time is an argument,
in seconds of one monotonic clock. How a result came about is the probe's business, what a verdict
means for an answer is selection's.
"""

from dataclasses import dataclass, replace

from rrdns.targets import Check, Health, ProbeResult, ProbeSettings, Reason, Verdict

# What one probe may wait for in turn before its verdict, at worst: EHLO and its fallback HELO; or
# EHLO, STARTTLS, the handshake, EHLO again; or EHLO, HELO, MAIL, RCPT.
_COMMANDS = {Check.EHLO: 2, Check.STARTTLS: 4, Check.RCPT: 4}
_INTERVALS_BEFORE_LAPSE = 3


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is known of one target.

    `since` is when the verdict last changed; `successes` and `failures` count results in a row (one
    of them is 0); `last` and `last_at` are the latest result and its time, local trouble included;
    `renewed_at` is the time of the latest result that counted, None before one and after a lapse.
    `added_by_reload` holds until the first verdict.
    """

    verdict: Verdict
    since: float
    successes: int = 0
    failures: int = 0
    last: ProbeResult | None = None
    last_at: float | None = None
    added_by_reload: bool = False
    renewed_at: float | None = None


def new_state(now: float, added_by_reload: bool = False) -> TargetState:
    """Return the state of a target that was never probed."""
    return TargetState(Verdict.UNKNOWN, now, added_by_reload=added_by_reload)


def unprobed_state(now: float) -> TargetState:
    """Return the state of a target with the check ``none``: taken as up, from the beginning."""
    return TargetState(Verdict.UP, now)


def step(
    state: TargetState, result: ProbeResult, now: float, settings: ProbeSettings
) -> TargetState:
    """Return the state after one more result (design, section 5).

    From unknown one success makes up; `rise` successes in a row bring a target that is down back;
    `fall` failures in a row take any target down. This machine's own trouble is remembered as the
    last result and changes nothing else.
    """
    state = replace(state, last=result, last_at=now)
    if result.reason is Reason.LOCAL:
        return state
    if result.ok:
        successes, failures = state.successes + 1, 0
    else:
        successes, failures = 0, state.failures + 1
    state = replace(state, successes=successes, failures=failures, renewed_at=now)
    return _judged(state, _verdict(state, settings), now)


def _verdict(state: TargetState, settings: ProbeSettings) -> Verdict:
    if state.failures >= settings.fall:
        return Verdict.DOWN
    needed = settings.rise if state.verdict is Verdict.DOWN else 1
    if state.successes >= needed:
        return Verdict.UP
    return state.verdict


def _judged(state: TargetState, verdict: Verdict, now: float) -> TargetState:
    if verdict is state.verdict:
        return state
    return replace(state, verdict=verdict, since=now, added_by_reload=False)


def lapse(state: TargetState, now: float, settings: ProbeSettings) -> TargetState:
    """Return the state with its verdict gone back to unknown, if it is older than it may be."""
    if state.renewed_at is None or now - state.renewed_at <= lapse_seconds(settings):
        return state
    # What was counted before the silence says nothing about what comes after it.
    state = replace(state, successes=0, failures=0, renewed_at=None)
    return _judged(state, Verdict.UNKNOWN, now)


def lapse_seconds(settings: ProbeSettings) -> float:
    """Return how long a verdict holds unrenewed: all timeouts of a probe and three intervals."""
    seconds = settings.connect_timeout_seconds
    seconds += _INTERVALS_BEFORE_LAPSE * settings.interval_seconds
    if settings.check is not Check.TCP:
        seconds += settings.banner_timeout_seconds
    return seconds + _COMMANDS.get(settings.check, 0) * settings.command_timeout_seconds


def next_interval_seconds(state: TargetState, settings: ProbeSettings) -> float:
    """Return the pace from this probe's start to the next one's, before jitter.

    While a change is being confirmed (results contradict the verdict, or fail without one) the pace
    is the fast one.
    """
    confirming = state.successes if state.verdict is Verdict.DOWN else state.failures
    return settings.fast_interval_seconds if confirming else settings.interval_seconds


def health(state: TargetState) -> Health:
    """Return the effective state, as selection sees it."""
    if state.verdict is Verdict.UNKNOWN and state.added_by_reload:
        return Health.PENDING
    return Health(state.verdict.value)
