"""How fast a server answers what waits for it, with nobody else at work on its cores.

The server is stopped (SIGSTOP), queries are put into its sockets' buffers, and it goes on
(SIGCONT). The clients' sockets hold the answers, and the kernel notes when each came; so the load
takes no time from the server meanwhile, even where the server has all cores.
"""

import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import family, spent, usage
from bench.messages import message

_SO_TIMESTAMPNS = 35
_STOP_SECONDS = 1.0
_QUIET_SECONDS = 0.05
_PATIENCE_SECONDS = 2.0
_SPARE_FILES = 256


@dataclass(frozen=True, slots=True)
class Burst:
    """How many were asked and answered, and the seconds from the first answer to the last.

    `cpu_seconds` is what the server took for all of it.
    """

    asked: int
    answered: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answered / self.seconds


class Clients:
    """Many sockets, so that a kernel that deals them out among loops deals evenly."""

    def __init__(self, port: int, count: int) -> None:
        _allow_files(count + _SPARE_FILES)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for one in self._sockets:
            one.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            one.setblocking(False)
            one.connect(("127.0.0.1", port))

    def ask(self, queries: Sequence[tuple[str, str]], each: int) -> int:
        """Send so many queries from each socket; return how many that were."""
        packets = [message(number, *query) for number, query in enumerate(queries)]
        for turn in range(each):
            for number, one in enumerate(self._sockets):
                one.send(packets[(turn + number) % len(packets)])
        return each * len(self._sockets)

    def read(self) -> list[float]:
        """Return the times at which the answers came that have come, in seconds."""
        room = socket.CMSG_SPACE(16)
        times = []
        for one in self._sockets:
            try:
                while True:
                    _, parts, _, _ = one.recvmsg(2048, room)
                    seconds, nanoseconds = struct.unpack("@qq", parts[0][2])
                    times.append(seconds + nanoseconds / 1e9)
            except BlockingIOError:
                continue
        return times

    def close(self) -> None:
        """Close the sockets."""
        for one in self._sockets:
            one.close()


def burst(root: int, clients: Clients, queries: Sequence[tuple[str, str]], each: int) -> Burst:
    """Let a server, whose first process is `root`, answer a burst.

    Raises RuntimeError where it cannot be stopped or answers less than half.
    """
    processes = [process.pid for process in family(root)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    before = usage(root)
    try:
        _wait_until_stopped(processes)
        asked = clients.ask(queries, each)
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    times: list[float] = []
    end = time.monotonic() + _PATIENCE_SECONDS
    while len(times) < asked and time.monotonic() < end:
        # Whoever looks all the time takes a core from the server.
        time.sleep(_QUIET_SECONDS)
        times += clients.read()
    if len(times) < asked / 2:
        raise RuntimeError(f"{len(times)} of {asked} queries of a burst were answered")
    taken = spent(before, usage(root), os.sysconf("SC_CLK_TCK"))
    return Burst(asked, len(times), max(times) - min(times), taken)


def _wait_until_stopped(processes: Sequence[int]) -> None:
    end = time.monotonic() + _STOP_SECONDS
    while not all(_is_stopped(pid) for pid in processes):
        if time.monotonic() > end:
            raise RuntimeError("a server does not stop")
        time.sleep(0.001)


def _is_stopped(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return all((task / "stat").read_text().rpartition(") ")[2].startswith("T") for task in tasks)


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count <= hard or (soft < count and hard == resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
