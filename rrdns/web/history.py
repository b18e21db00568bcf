"""The last hour's effective states of every address, for the status page's strips."""

from collections import deque
from typing import NamedTuple

from rrdns.model import Snapshot
from rrdns.targets import Health

SEGMENTS = 60
SEGMENT_SECONDS = 60.0
# An address that flaps faster than this for an hour loses the beginning of its strip.
_MAX_CHANGES = 240
# The worst of a segment is what it shows.
_WORST_FIRST = (Health.DOWN, Health.PENDING, Health.UNKNOWN, Health.UP)

Place = tuple[str, str, str, int]


class _Change(NamedTuple):
    at: float
    state: Health


class History:
    """Notes the effective states of each published snapshot.

    Places are (node, role, address, port), times unix seconds. Of addresses that no snapshot has
    any more nothing is kept.
    """

    def __init__(self) -> None:
        self._changes: dict[Place, deque[_Change]] = {}
        self._noted: Snapshot | None = None

    def note(self, snapshot: Snapshot, unix_now: float) -> None:
        """Note what a snapshot says of each address, from now on."""
        noted, self._noted = self._noted, snapshot
        known = noted.answers if noted is not None and noted.zones is snapshot.zones else {}
        states = {
            (
                choice.member.node,
                choice.member.role,
                choice.member.target.address,
                choice.member.target.settings.port,
            ): choice.health
            for key, answer in snapshot.answers.items()
            if known.get(key) is not answer
            for choice in answer.selection.choices
        }
        if not known:
            for place in self._changes.keys() - states.keys():
                del self._changes[place]
        for place, state in states.items():
            changes = self._changes.setdefault(place, deque(maxlen=_MAX_CHANGES))
            if not changes or changes[-1].state is not state:
                changes.append(_Change(unix_now, state))
                _forget(changes, unix_now - SEGMENTS * SEGMENT_SECONDS)

    def strip(self, place: Place, unix_now: float) -> tuple[Health | None, ...]:
        """Return the worst state of each minute of the last hour, the latest last.

        None where nothing was known yet.
        """
        changes = self._changes.get(place, ())
        first = unix_now - SEGMENTS * SEGMENT_SECONDS
        found: list[Health | None] = [None] * SEGMENTS
        ends = [*(change.at for change in changes), unix_now][1:]
        for change, end in zip(changes, ends, strict=True):
            start_index = max(0, int((change.at - first) // SEGMENT_SECONDS))
            end_index = min(SEGMENTS - 1, int((end - first) // SEGMENT_SECONDS))
            for index in range(start_index, end_index + 1):
                found[index] = _worse(found[index], change.state)
        return tuple(found)


def _forget(changes: deque[_Change], before: float) -> None:
    """Drop the changes whose state had ended by then."""
    while len(changes) > 1 and changes[1].at < before:
        changes.popleft()


def _worse(one: Health | None, other: Health) -> Health:
    return next(state for state in _WORST_FIRST if state in (one, other))
