"""What Python sees of the compiled UDP loop."""

from rrdns.names import Name
from rrdns.table._native import NativeExecutor

BATCH: int
MAX_WAITING: int
DATAGRAM_OCTETS: int

class LoopCore:
    """One socket's loop without its thread: `run` is the thread's work.

    Owns `executor` while it runs. Of a held socket, which somebody else serves when we are gone,
    `run` leaves behind what it has not received.
    `wake` is an eventfd; it is written to when a miss waits and the control side sleeps.
    Raises MemoryError.
    """

    def __init__(
        self,
        executor: NativeExecutor,
        *,
        descriptor: int,
        wake: int,
        slot: int,
        is_ipv6: bool,
        is_wildcard: bool,
        is_held: bool = False,
    ) -> None: ...
    def run(self) -> None:
        """Answer until `stop`, then what has arrived, but under a flood for no longer than 1 s."""
    def stop(self) -> None:
        """Let `run` come to its end."""
    def run_once(self, now: int = -1) -> int:
        """Answer what is there, at most a batch, at a time in unix seconds (below zero: now).

        Returns how many datagrams came. For tests: `run` is many of it.
        """
    def take_up(self) -> None:
        """Have the loop use what was offered to its executor, without waiting for its next turn."""
    def miss(self) -> tuple[bytes, bytes] | None:
        """Return the oldest miss that waits, as packet and packed address."""
    def forget(self) -> None:
        """Give the oldest miss no reply. Raises LookupError where none waits."""
    def post(self, reply: bytes) -> None:
        """Send the reply to the oldest miss, and forget that. Raises LookupError where none waits.

        A reply that cannot be sent is counted.
        """
    def sleep(self) -> bool:
        """Ask for a wake-up at the next miss; False where one has come meanwhile."""
    def turn(self, host: Name, rrtype: int) -> int:
        """Return and advance the rotation of a host; see `NativeExecutor.turn`."""
    def limit(self, client: bytes, packet: bytes, reply: bytes) -> bytes | None:
        """Return what to send in place of a reply to a miss; see `NativeExecutor.limit`."""
    @property
    def waiting(self) -> int:
        """The number of misses that wait."""
    @property
    def progress(self) -> int:
        """The number of turns since the start; an idle loop makes one each second."""
    @property
    def dropped(self) -> dict[str, int]:
        """How many packets got no reply, by reason."""
