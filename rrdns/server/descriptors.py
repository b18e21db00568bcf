"""Open files: the limit of them, how they are shared out, and some kept for when there are none."""

import logging
import os
import resource
from contextlib import suppress
from typing import NamedTuple

_log = logging.getLogger("rrdns.server")

# Beside connections over TCP, probes and UDP loops: HTTP, listening sockets, files, the reserve.
_OTHERS = 256
_OF_A_LOOP = 3  # its socket, what it wakes the event loop by, what the kernel tells of its thread


class Shares(NamedTuple):
    """How many connections over TCP and probes there may be at once."""

    connections: int
    probes: int


def share(connections: int, probes: int, loops: int = 0) -> Shares:
    """Raise the soft limit of open files for so many of all three, as far as the hard one lets.

    Where it does not, a warning tells, and the first two get less: who floods the one does not
    starve the other.
    """
    others = _OTHERS + _OF_A_LOOP * loops
    wanted = connections + probes + others
    allowed = _raise_limit(wanted)
    if allowed >= wanted:
        return Shares(connections, probes)
    rest = allowed - min(others, allowed // 2)
    for_probes = min(probes, max(1, rest // 2, rest - connections))
    shares = Shares(min(connections, max(1, rest - for_probes)), for_probes)
    _log.warning(
        "%d open files are too few for %d TCP connections and %d probes at once, there will be %d"
        " and %d: raise the limit (LimitNOFILE, ulimit -n) to %d, or lower limits.tcp_connections"
        " or health.concurrency",
        *(allowed, connections, probes, *shares, wanted),
    )
    return shares


def _raise_limit(wanted: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


class Reserve:
    """Descriptors that are held so that they can be let go: with none left, none is accepted."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._held: list[int] = []

    @property
    def is_held(self) -> bool:
        """Whether all of them are held."""
        return len(self._held) == self._count

    def hold(self) -> bool:
        """Hold all; return False, and hold none, where there are not so many left."""
        with suppress(OSError):
            while not self.is_held:
                self._held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
            return True
        self.let_go()
        return False

    def let_go(self) -> None:
        """Let all go."""
        while self._held:
            os.close(self._held.pop())
