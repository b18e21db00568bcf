"""What Python sees of the compiled executor; loops use `_native.pxd`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network

from rrdns.names import Name
from rrdns.table.table import Table

MISS: int
SHORT: int
RESPONSE: int

class NativeTable:
    """A table as one immutable structure; what is the same object in `previous` is shared with it.

    Raises ValueError for a table that no compiler makes.
    """

    def __init__(self, table: Table, previous: NativeTable | None = None) -> None: ...
    @property
    def table(self) -> Table:
        """The Python table."""
    @property
    def generation(self) -> int:
        """The number of the table."""
    @property
    def fixed(self) -> object:
        """What it shares with tables that differ from it in healths only."""

class NativeLimits:
    """Rate limiting for one executor, with accounts of its own; see `RateLimiter`."""

    def __init__(
        self, per_second: int, slip: int, exempt: Iterable[IPv4Network | IPv6Network] = ()
    ) -> None: ...

class NativeExecutor:
    """Does what `PythonExecutor` does; see there. It also limits, where it was told to.

    One thread executes; it may be one that does without the interpreter (see `_native.pxd`). What
    it did can be asked for by any. `offer`, `limit_to` and `release` are for one other thread.
    """

    def __init__(self, table: Table | NativeTable, stagger: int = 0) -> None: ...
    def offer(self, table: Table | NativeTable) -> None:
        """Let the executing thread go on to a table when it looks for one next."""
    def limit_to(self, limits: NativeLimits | None) -> None:
        """Let the executing thread limit so from when it looks for a table next."""
    def release(self) -> None:
        """Free the tables that the executing thread does not use any more."""
    def adopt(self, table: Table | NativeTable) -> None:
        """Offer a table, and go on to it at once; for the executing thread."""
    def set_time(self, unix_now: float) -> None:
        """Make and check cookies of this time (unix seconds) from now on."""
    def allow_plans(self, count: int) -> None:
        """Do nothing: no query that is not a miss takes as long as one."""
    @property
    def table(self) -> Table:
        """The table that was offered last."""
    @property
    def cookie_time(self) -> int:
        """The time that goes into cookies, in unix seconds."""
    def execute(self, packet: bytes, slot: int, client: bytes = ...) -> bytes | None:
        """Return the reply to a packet from a packed address, or None for a miss."""
    def execute_within(
        self, packet: bytes, room: int, slot: int, client: bytes = ...
    ) -> tuple[int, bytes]:
        """Execute as a loop does, in a buffer of exactly so many octets (at least the packet's).

        Returns the reply's size, or MISS, SHORT or RESPONSE, and what is in the buffer then. For
        tests: a sanitizer sees every octet that is touched beyond the buffer.
        """
    def limit(self, client: bytes, packet: bytes, reply: bytes, now: int) -> bytes | None:
        """Return what to send in place of a reply to a packet, as `RateLimiter.limit`."""
    def turn(self, host: Name, rrtype: int) -> int:
        """Return and advance the rotation of a host, for the responder's answers."""
    @property
    def truncated(self) -> int:
        """The number of replies that were sent with TC."""
    def limited(self) -> Mapping[str, int]:
        """Return how many replies were limited, by action."""
    def answered(self) -> Mapping[tuple[str, int, int], int]:
        """Return the number of hits since the start by (type label, RCODE, slot)."""
    def leads(self) -> Counter[tuple[Name, bytes]]:
        """Return how often each packed address led the answers of each host since the start."""
