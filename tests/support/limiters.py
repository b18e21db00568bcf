"""What limits the rate of responses, in Python or compiled."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from rrdns.table.ratelimit import Network
from rrdns.table.table import Table
from support.executors import NativeExecutor, require_native


class Limiter(Protocol):
    """Limits replies; see `RateLimiter`."""

    def limit(self, client: bytes, packet: bytes, reply: bytes, now: int) -> bytes | None:
        """Return what to send in place of a reply."""


class NativeLimiter:
    """The compiled executor, as far as it limits."""

    def __init__(
        self,
        table: Table,
        per_second: int,
        slip: int,
        exempt: Sequence[Network] = (),
        counts: Counter[str] | None = None,
        unix_now: int = 0,
    ) -> None:
        require_native()
        from rrdns.table._native import NativeLimits

        self._executor = NativeExecutor(table)
        self._executor.limit_to(NativeLimits(per_second, slip, exempt))
        self._executor.adopt(table)
        self._executor.set_time(unix_now)
        self._counts = Counter() if counts is None else counts

    def limit(self, client: bytes, packet: bytes, reply: bytes, now: int) -> bytes | None:
        """Return what to send in place of a reply."""
        found = self._executor.limit(client, packet, reply, now)
        self._counts.clear()
        self._counts.update(self._executor.limited())
        return found
