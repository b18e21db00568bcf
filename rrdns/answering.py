"""What answers DNS: the loops of all UDP sockets and the TCP server, as one.

Owns them from the start to the stop. What they answer with is handed to them (`publish`).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from rrdns.model import TrafficCounts
from rrdns.server.sockets import Bound
from rrdns.server.tcp import TcpServer
from rrdns.server.traffic import traffic
from rrdns.server.udp import UdpLoop
from rrdns.settings import Config, Limits
from rrdns.table.table import SLOTS, Table

_log = logging.getLogger("rrdns")

_CHECK_SECONDS = 2.0  # twice what an idle UDP loop waits


class Answering:
    """The loops and connections that serve one configuration's sockets.

    `healthy` tells whether all loops made progress when that was last looked at; `on_progress` is
    called every two seconds in which they did.
    """

    def __init__(self, config: Config, table: Table, on_progress: Callable[[], None]) -> None:
        self.healthy = True
        self._on_progress = on_progress
        self._limits = config.limits
        self._table = table
        self._tcp = TcpServer(config.limits, table, stagger=len(config.server.listen))
        self._loops: list[UdpLoop] = []

    async def start(self, stack: contextlib.AsyncExitStack, bound: list[Bound]) -> None:
        """Serve; what is started is stopped by `stack` in turn."""
        await self._tcp.start(
            [(pair.tcp, SLOTS.index(("tcp", str(pair.family)))) for pair in bound]
        )
        stack.push_async_callback(self._tcp.close)
        for number, pair in enumerate(bound):
            udp = UdpLoop(
                pair.udp[0],
                pair.family,
                self._table,
                wildcard=pair.wildcard,
                limits=self._limits,
                stagger=number,
            )
            self._loops.append(udp)
            udp.start()
            stack.callback(udp.stop)
        check = asyncio.create_task(self._check_loops(), name="check-loops")
        stack.callback(check.cancel)

    def publish(self, table: Table) -> None:
        """Answer from `table`, from the next receive on."""
        self._table = table
        self._tcp.publish(table)
        for loop in self._loops:
            loop.publish(table)

    def set_limits(self, limits: Limits) -> None:
        """Limit clients so from now on."""
        self._limits = limits
        self._tcp.set_limits(limits)
        for loop in self._loops:
            loop.set_limits(limits)

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
