"""UDP loops of both kinds on loopback, and sockets to ask them with."""

import select
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from rrdns.names import from_text
from rrdns.server.kinds import Kind, NativeKind, PythonKind
from rrdns.server.loops import Executor
from rrdns.server.misses import Misses
from rrdns.server.mmsg import MSG_DONTWAIT
from rrdns.server.sockets import bind_all
from rrdns.settings import Endpoint, Limits
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import Table
from support.executors import require_native
from support.tables import configure

CONFIG = configure()
SNAPSHOT = make_snapshot(CONFIG, {})
TABLE = compile_table(SNAPSHOT, 1)
MX1 = from_text("mx1.example.com.")
DEADLINE_SECONDS = 60.0
BY_DEFAULT = Limits()


class Staged(Protocol):
    """A loop on a free port, not yet started; tables and limits have no kind's form."""

    port: int

    @property
    def loop(self) -> Any:
        """The loop itself, for tests of one kind."""

    @property
    def executor(self) -> Executor:
        """What executes the table."""

    @property
    def misses(self) -> Misses:
        """Who answers the misses."""

    def start(self) -> None:
        """Let it answer by itself, misses too."""

    def stop(self) -> None:
        """Let it answer what has arrived, and end."""

    def publish(self, table: Table) -> None:
        """Answer from a table."""

    def set_limits(self, limits: Limits) -> None:
        """Limit the rate of responses."""

    def turn(self, now: float | None = None) -> None:
        """Answer what has arrived, at most a batch of it, and one miss that waits."""

    @property
    def waiting(self) -> int:
        """The number of misses that wait."""

    @property
    def progress(self) -> int:
        """The number of turns."""

    @property
    def runs(self) -> bool:
        """Whether the loop's thread is alive."""

    @property
    def dropped(self) -> dict[str, int]:
        """What got no reply, whoever counted it."""

    @property
    def limited(self) -> dict[str, int]:
        """What rate limiting did."""


class _Either:
    """What both kinds have in common."""

    def __init__(self, kind: Kind, address: str, port: int, limits: Limits, table: Table) -> None:
        (pair,) = bind_all([Endpoint(address, port)])
        self.kind = kind
        self.port = pair.endpoint.port
        self.close = pair.close
        self.loop: Any = kind.loop(pair.udp[0], pair, kind.prepare(table), kind.limits(limits), 0)

    @property
    def executor(self) -> Executor:
        executor: Executor = self.loop.executor
        return executor

    @property
    def misses(self) -> Misses:
        misses: Misses = self.loop.misses
        return misses

    def start(self) -> None:
        self.loop.start()

    def stop(self) -> None:
        self.loop.stop()

    def publish(self, table: Table) -> None:
        self.loop.publish(self.kind.prepare(table))

    def set_limits(self, limits: Limits) -> None:
        self.loop.set_limits(self.kind.limits(limits))

    @property
    def progress(self) -> int:
        progress: int = self.loop.progress
        return progress

    @property
    def runs(self) -> bool:
        runs: bool = self.loop._thread.is_alive()
        return runs

    @property
    def dropped(self) -> dict[str, int]:
        return dict(Counter(self.loop.dropped) + self.misses.dropped)

    @property
    def limited(self) -> dict[str, int]:
        return dict(self.loop.limited)


class PythonStaged(_Either):
    """The loop in Python, which answers its misses itself."""

    def turn(self, now: float | None = None) -> None:
        # Its clock is that of rrdns.server.udp, which a test replaces.
        self.loop._turn(MSG_DONTWAIT)

    @property
    def waiting(self) -> int:
        return len(self.loop._waiting)


class NativeStaged(_Either):
    """The compiled loop; a thread stands for the control side, which answers its misses."""

    def __init__(self, kind: Kind, address: str, port: int, limits: Limits, table: Table) -> None:
        super().__init__(kind, address, port, limits, table)
        self._ends, self._end = socket.socketpair()
        self._control = threading.Thread(target=self._answer_misses)

    def start(self) -> None:
        super().start()
        self._control.start()

    def stop(self) -> None:
        # As the service does it: nobody answers misses when the loop is stopped.
        if self._control.is_alive():
            self._end.send(b"x")
            self._control.join()
        self._end.close()
        self._ends.close()
        super().stop()

    def turn(self, now: float | None = None) -> None:
        self.loop._core.run_once(-1 if now is None else int(now))
        self.loop.answer_miss()

    @property
    def waiting(self) -> int:
        waiting: int = self.loop._core.waiting
        return waiting

    def _answer_misses(self) -> None:
        while True:
            ready, _, _ = select.select([self.loop.wake, self._ends], [], [])
            if self._ends in ready:
                return
            self.loop.awake()
            while self.loop.answer_miss() or not self.loop.sleep():
                pass


def staged(
    kind: str,
    address: str = "127.0.0.1",
    port: int = 0,
    limits: Limits = BY_DEFAULT,
    table: Table = TABLE,
) -> PythonStaged | NativeStaged:
    """Return a loop of a kind, not yet started; the test is skipped where that is not built."""
    if kind == "python":
        return PythonStaged(PythonKind(), address, port, limits, table)
    require_native()
    return NativeStaged(NativeKind(), address, port, limits, table)


MakeLoop = Callable[..., tuple[Staged, int]]


@contextmanager
def loops(kind: str) -> Iterator[MakeLoop]:
    """Give what makes loops of a kind on free ports; they are stopped in the end."""
    with ExitStack() as stack:

        def make(*place: Any, **more: Any) -> tuple[Staged, int]:
            made = staged(kind, *place, **more)
            stack.callback(made.close)
            stack.callback(made.stop)
            return made, made.port

        yield make


def client(port: int, address: str = "127.0.0.1") -> socket.socket:
    """Return a connected socket: it takes replies from nobody but the address that it asks."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    made.settimeout(DEADLINE_SECONDS)
    made.connect((address, port))
    return made
