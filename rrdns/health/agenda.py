"""The agenda: who is to be probed when, and who comes first when not all can be at once.

Rules of this room: no clock and no randomness of its own, no I/O. Times are seconds of one
monotonic clock.
"""

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from rrdns.targets import TargetKey

_SLOTS_PER_SECOND: Final = 20


class _Plan(NamedTuple):
    at: float
    number: int
    urgent: bool
    key: TargetKey


class Agenda:
    """The next start of every target.

    Of those that are due, the urgent ones come first, else those that are due for longest. That
    starves nobody: what is urgent comes out of probes that were not, a few for each.
    """

    def __init__(self) -> None:
        self._plans: dict[TargetKey, _Plan] = {}
        # Plans that were given up stay in here until their turn comes, and are passed over then.
        self._ahead: list[_Plan] = []
        self._urgent: deque[_Plan] = deque()
        self._others: deque[_Plan] = deque()
        self._load: Counter[int] = Counter()
        self._numbers = itertools.count()

    def plan(self, key: TargetKey, at: float, *, urgent: bool = False) -> None:
        """Plan a target's next start; it has one at a time."""
        self.forget(key)
        plan = self._plans[key] = _Plan(at, next(self._numbers), urgent, key)
        self._load[_slot(at)] += 1
        heapq.heappush(self._ahead, plan)

    def forget(self, key: TargetKey) -> None:
        """Give up a target's plan, if it has one."""
        plan = self._plans.pop(key, None)
        if plan is not None:
            slot = _slot(plan.at)
            self._load[slot] -= 1
            if not self._load[slot]:
                del self._load[slot]

    def calmest(self, times: Iterable[float]) -> float:
        """Return the first of the times around which the fewest starts are planned."""
        return min(times, key=lambda at: self._load.get(_slot(at), 0))

    def take(self, now: float) -> tuple[TargetKey, float] | None:
        """Return the target whose turn it is and since when it is due, and forget its plan.

        None where nobody is due.
        """
        ahead = self._ahead
        while ahead and ahead[0].at <= now:
            plan = heapq.heappop(ahead)
            (self._urgent if plan.urgent else self._others).append(plan)
        for waiting in (self._urgent, self._others):
            while waiting:
                plan = waiting.popleft()
                if self._plans.get(plan.key) is plan:
                    self.forget(plan.key)
                    return plan.key, plan.at
        return None

    def next_at(self) -> float | None:
        """Return when somebody becomes due who was not at the last `take`; None for never."""
        while self._ahead:
            plan = self._ahead[0]
            if self._plans.get(plan.key) is plan:
                return plan.at
            heapq.heappop(self._ahead)
        return None

    def waiting_seconds(self, key: TargetKey, now: float) -> float:
        """Return for how long a target has been in line; 0 where it is not due."""
        plan = self._plans.get(key)
        return max(0.0, now - plan.at) if plan is not None else 0.0

    def behind_seconds(self, now: float) -> float:
        """Return for how long the target has been in line that is longest in it."""
        heads = [waiting[0].at for waiting in (self._urgent, self._others) if waiting]
        ahead = self.next_at()
        return max(0.0, now - min([*heads, now if ahead is None else ahead]))


def _slot(at: float) -> int:
    return int(at * _SLOTS_PER_SECOND)
