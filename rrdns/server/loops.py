"""What executors and loops have in common, whether they are compiled or not."""

from collections.abc import Mapping
from typing import Any, Protocol

from rrdns.names import Name
from rrdns.server.misses import Misses
from rrdns.table.table import Table


class Executor(Protocol):
    """What TCP and the counts ask of an executor; see `PythonExecutor`.

    A table has the form that the executor's kind gives it.
    """

    @property
    def table(self) -> Table:
        """The newest table."""

    @property
    def truncated(self) -> int:
        """The number of replies that were sent with TC."""

    @property
    def cookie_time(self) -> int:
        """The time that goes into cookies, in unix seconds."""

    def adopt(self, table: Any) -> None:
        """Execute `table` from now on."""

    def set_time(self, unix_now: float) -> None:
        """Make cookies of this time from now on."""

    def allow_plans(self, count: int) -> None:
        """Bound what takes as long as a miss."""

    def execute(self, packet: bytes, slot: int, client: bytes = ...) -> bytes | None:
        """Return the reply to a packet, None for a miss."""

    def turn(self, host: Name, rrtype: int) -> int:
        """Return the step of a host's rotation, and go on to the next."""

    def answered(self) -> Mapping[tuple[str, int, int], int]:
        """Return the number of hits by (type label, RCODE, slot)."""

    def leads(self) -> Mapping[tuple[Name, bytes], int]:
        """Return how often each address led the answers of each host."""


class Loop(Protocol):
    """What serves one UDP socket; see `UdpLoop`.

    Tables and limits have the form that the loop's kind gives them.
    """

    misses: Misses

    @property
    def executor(self) -> Executor:
        """What executes the table."""

    @property
    def progress(self) -> int:
        """A number that grows at least once a second while the loop lives."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """What got no reply, by reason."""

    @property
    def limited(self) -> Mapping[str, int]:
        """What rate limiting did, by action."""

    def start(self) -> None:
        """Begin to answer."""

    def publish(self, table: Any) -> None:
        """Answer from `table`, from the next receive on."""

    def set_limits(self, limits: Any) -> None:
        """Limit the rate of responses so from now on."""

    def ask_to_stop(self) -> None:
        """Let the loop come to its end."""

    def stop(self) -> None:
        """Answer what has arrived, and return when the loop has ended."""
