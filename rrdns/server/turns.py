"""Sharing the event loop's time among TCP connections that have misses to be answered.

A miss takes as long as a hundred hits. So that many, or one client's many, hold up neither hits nor
each other, all connections together get so many misses answered a turn of the event loop; who has
more to answer stands in line again.
"""

import asyncio
from collections import deque
from collections.abc import Callable

MISSES_A_TURN = 64
MISSES_AT_ONCE = 8


class Turns:
    """Counts the misses of a turn, and keeps the line of those who wait for the next one.

    `on_next` is called when a turn begins after one with misses.
    """

    def __init__(self, on_next: Callable[[], None]) -> None:
        self._answered = 0
        self._on_next = on_next
        self._line: deque[Callable[[], None]] = deque()

    @property
    def is_over(self) -> bool:
        """Whether as many misses were answered as the event loop has time for in one turn."""
        return self._answered >= MISSES_A_TURN

    def note_miss(self) -> None:
        """Count a miss."""
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._next)
        self._answered += 1

    def wait(self, go_on: Callable[[], None]) -> None:
        """Have `go_on` called in a later turn; only after a miss was counted in this one."""
        self._line.append(go_on)

    def _next(self) -> None:
        self._answered = 0
        self._on_next()
        for _ in range(len(self._line)):
            if self.is_over:
                return
            self._line.popleft()()
