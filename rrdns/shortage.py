"""A shortage of open files: the server stays reachable, and blames no node for it.

Who comes in over TCP, HTTP or the control socket needs a descriptor, and asyncio would only wait
for one. So some are held in reserve, and let go when there is none left. As long as they are gone
nothing is probed, because probes would take them; where they do not suffice, idle connections are
closed.
"""

import asyncio
import contextlib
import copy
import errno
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rrdns.server.descriptors import Reserve, share
from rrdns.server.kinds import cores
from rrdns.settings import Config

_log = logging.getLogger("rrdns")

_RESERVE = 32
_LOOK_SECONDS = 1.0
_TELL_AGAIN_SECONDS = 60.0
_NONE_LEFT = {errno.EMFILE, errno.ENFILE}


def within_descriptors(config: Config) -> Config:
    """Return a configuration whose connections and probes fit into the limit of open files."""
    server = config.server
    loops = len(server.listen) * (server.udp_workers or cores())
    shares = share(config.limits.tcp_connections, config.probe_concurrency, loops)
    limits = replace(config.limits, tcp_connections=shares.connections)
    # A copy keeps what was worked out of the configuration already; `replace` would not.
    fitting = copy.copy(config)
    object.__setattr__(fitting, "limits", limits)
    object.__setattr__(fitting, "probe_concurrency", shares.probes)
    return fitting


class Shortage:
    """Sees that none is left for a new connection, and when there are enough again.

    `on_obstacle` is called with why nothing can be probed, and with None when it can again; `shed`
    has so many idle connections closed, with the reserve gone and still none left.
    """

    def __init__(
        self, on_obstacle: Callable[[str | None], None], shed: Callable[[int], None]
    ) -> None:
        self._on_obstacle = on_obstacle
        self._shed = shed
        self._reserve = Reserve(_RESERVE)
        self._timer: asyncio.TimerHandle | None = None
        self._shed_in_turn = False
        self._tell_at = float("-inf")

    def watch(self, stack: contextlib.AsyncExitStack) -> None:
        """Begin to look after the running event loop; ended by `stack`."""
        loop = asyncio.get_running_loop()
        self._reserve.hold()
        loop.set_exception_handler(self._on_exception)
        stack.callback(self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().set_exception_handler(None)
        if self._timer is not None:
            self._timer.cancel()
        self._reserve.let_go()

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _NONE_LEFT:
            loop.default_exception_handler(context)
            return
        # asyncio tries again and again within this very turn.
        if self._timer is None:
            self._begin(error)
        elif not self._shed_in_turn:
            self._shed_in_turn = True
            loop.call_soon(self._turn_is_over)
            self._shed(_RESERVE)

    def _turn_is_over(self) -> None:
        self._shed_in_turn = False

    def _begin(self, error: OSError) -> None:
        now = time.monotonic()
        if now >= self._tell_at:
            self._tell_at = now + _TELL_AGAIN_SECONDS
            _log.error('event=shortage error="%s"', error.strerror)
        self._reserve.let_go()
        self._on_obstacle("too few open files are left to probe with")
        self._wait()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if not self._reserve.hold():
            self._wait()
            return
        self._timer = None
        self._on_obstacle(None)
