"""What answers DNS: the loops of all UDP sockets and the TCP server, as one.

Owns them from the start to the stop. What they answer with is handed to them (`publish`).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from rrdns.model import TrafficCounts
from rrdns.server.kinds import choose
from rrdns.server.loops import Loop
from rrdns.server.sockets import Bound
from rrdns.server.tcp import TcpServer
from rrdns.server.traffic import traffic
from rrdns.settings import Config, Limits
from rrdns.table.table import SLOTS, Table

_log = logging.getLogger("rrdns")

_CHECK_SECONDS = 2.0  # twice what an idle UDP loop waits


class Answering:
    """The loops and connections that serve one configuration's sockets.

    `executor` names what answers, native or python, and `udp_workers` the number of UDP sockets
    and loops that each endpoint gets. `healthy` tells whether all loops made progress when that was
    last looked at; `on_progress` is called every two seconds in which they did. Raises StartError
    where the executor that is wanted is not there.
    """

    def __init__(self, config: Config, table: Table, on_progress: Callable[[], None]) -> None:
        self.healthy = True
        self._on_progress = on_progress
        self._kind = choose(config.server.executor)
        self._limits = self._kind.limits(config.limits)
        self.executor = self._kind.name
        self.udp_workers = self._kind.workers(config.server.udp_workers)
        self._table = self._kind.prepare(table)
        # Each executor begins its rotations with another address.
        stagger = len(config.server.listen) * self.udp_workers
        self._tcp = TcpServer(config.limits, self._kind.executor(self._table, stagger))
        self._loops: list[Loop] = []

    async def start(self, stack: contextlib.AsyncExitStack, bound: list[Bound]) -> None:
        """Serve; what is started is stopped by `stack` in turn."""
        await self._tcp.start(
            [(pair.tcp, SLOTS.index(("tcp", str(pair.family)))) for pair in bound]
        )
        stack.push_async_callback(self._tcp.close)
        stack.callback(self._stop_loops)
        for pair in bound:
            for udp in pair.udp:
                number = len(self._loops)
                loop = self._kind.loop(udp, pair, self._table, self._limits, number)
                self._loops.append(loop)
                loop.start()
        self._kind.serve_misses(stack, self._loops)
        check = asyncio.create_task(self._check_loops(), name="check-loops")
        stack.callback(check.cancel)

    def _stop_loops(self) -> None:
        # All at once: each takes up to a second under a flood.
        for loop in self._loops:
            loop.ask_to_stop()
        for loop in self._loops:
            loop.stop()

    def make_ready(self, table: Table) -> None:
        """Spare the next publish, of a table like this one, most of its work; for any thread."""
        self._kind.make_ready(table)

    def publish(self, table: Table) -> None:
        """Answer from `table`, from the next receive on."""
        self._table = self._kind.prepare(table)
        self._tcp.publish(self._table)
        for loop in self._loops:
            loop.publish(self._table)

    def set_limits(self, limits: Limits) -> None:
        """Limit clients so from now on."""
        self._limits = self._kind.limits(limits)
        self._tcp.set_limits(limits)
        for loop in self._loops:
            loop.set_limits(self._limits)

    def shed(self, count: int) -> None:
        """Close so many connections over TCP, those that idle longest."""
        self._tcp.shed(count)

    def troubles(self) -> list[str]:
        """Return what keeps the loops from making progress, in words."""
        return [] if self.healthy else ["an UDP loop makes no progress"]

    def traffic(self) -> TrafficCounts:
        """Return the totals since the start."""
        return traffic(self._loops, self._tcp)

    async def _check_loops(self) -> None:
        while True:
            before = [loop.progress for loop in self._loops]
            await asyncio.sleep(_CHECK_SECONDS)
            after = [loop.progress for loop in self._loops]
            self.healthy = all(now > then for now, then in zip(after, before, strict=True))
            if self.healthy:
                self._on_progress()
            else:
                _log.error("an UDP loop makes no progress")
