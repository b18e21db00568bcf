"""The transition table of a target's state, as the code has it, for the documentation.

``python -m support.transitions`` writes it anew into docs/health.md (`make docs`).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from rrdns.health.state import (
    TargetState,
    health,
    lapse,
    lapse_seconds,
    new_state,
    next_interval_seconds,
    step,
)
from rrdns.targets import Health, ProbeResult, ProbeSettings, Reason, Verdict

PAGE = Path(__file__).parents[2] / "docs" / "health.md"
BEGIN, END = "<!-- transitions: written by `make docs` -->\n", "<!-- end of transitions -->\n"

_SETTINGS = ProbeSettings()
_LATER = 10 * lapse_seconds(_SETTINGS)
_EVENTS: dict[str, Callable[[TargetState], TargetState]] = {
    "success": lambda state: step(state, ProbeResult(Reason.OK), 1.0, _SETTINGS),
    "failure": lambda state: step(state, ProbeResult(Reason.UNREACHABLE), 1.0, _SETTINGS),
    "local trouble": lambda state: step(state, ProbeResult(Reason.LOCAL), 1.0, _SETTINGS),
    "not renewed": lambda state: lapse(state, _LATER, _SETTINGS),
}


def table() -> str:
    """Return the table of all states that can be reached, in Markdown."""
    states = {_name(state): state for state in _reachable()}
    columns = ("state", "counts as", "next probe after", *(f"{event} →" for event in _EVENTS))
    lines = [_row(columns), _row(["---"] * len(columns))]
    for name, state in states.items():
        after = [_name(event(state)) for event in _EVENTS.values()]
        lines.append(
            _row(
                [
                    f"**{name}**",
                    "healthy"
                    if health(state) in (Health.UP, Health.UNKNOWN)
                    else str(health(state)),
                    f"{next_interval_seconds(state, _SETTINGS):g} s",
                    *("" if other == name else other for other in after),
                ]
            )
        )
    return "\n".join(lines) + "\n"


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _reachable() -> Iterator[TargetState]:
    """Yield a state of each name, the nearest to a start first."""
    waiting = [new_state(0.0), new_state(0.0, added_by_reload=True)]
    found: set[str] = set()
    while waiting:
        state = waiting.pop(0)
        if _name(state) not in found:
            found.add(_name(state))
            yield state
            # As if this was the time 0 again: only the order of events matters here.
            waiting += [_at_the_start(event(state)) for event in _EVENTS.values()]


def _at_the_start(state: TargetState) -> TargetState:
    return replace(state, since=0.0, renewed_at=None if state.renewed_at is None else 0.0)


def _name(state: TargetState) -> str:
    """Return what tells a state from others that behave differently."""
    name = "new by a reload" if health(state) is Health.PENDING else str(state.verdict)
    down = state.verdict is Verdict.DOWN
    number, what = (state.successes, "success") if down else (state.failures, "failure")
    plural = {"success": "successes", "failure": "failures"}
    return f"{name}, {number} {what if number == 1 else plural[what]}" if number else name


def page(text: str) -> str:
    """Return the page with the table in its place."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
