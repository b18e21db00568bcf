"""The UDP loop where the compiled extension is built: its thread needs nothing of the interpreter.

The thread receives, executes and sends (`_loop.pyx`). What the table has no answer for waits in a
ring of bounded size for the control side, which has the responder answer it when there is time
(`desk.py`). So neither a control side that stalls nor a flood of misses holds up a hit.
"""

import ipaddress
import os
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping

from rrdns.server._loop import LoopCore
from rrdns.server.misses import Misses
from rrdns.settings import Limits
from rrdns.table._native import NativeExecutor, NativeLimits, NativeTable
from rrdns.table.table import SLOTS
from rrdns.targets import Family

_IDLE_SECONDS = 1
_DRAIN_SECONDS = 1.0
# What the kernel counts of the thread that opens it: time on a core, time waited for one.
_SCHEDULE = "/proc/thread-self/schedstat"


def native_limits(limits: Limits) -> NativeLimits | None:
    """Return rate limiting as configured, with new accounts; None where it is off."""
    if not limits.responses_per_second:
        return None
    exempt = [ipaddress.ip_network(text) for text in limits.exempt]
    return NativeLimits(limits.responses_per_second, limits.slip, exempt)


def _open_schedule() -> int | None:
    try:
        return os.open(_SCHEDULE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


class NativeUdpLoop:
    """Serves one UDP socket from a thread of its own, whatever the rest of the process does.

    Has the interface of `UdpLoop`. `wake` is a descriptor that becomes readable when a miss waits:
    then `awake` is to be called, and `answer_miss` until there is none and `sleep` is content.
    """

    def __init__(
        self,
        udp: socket.socket,
        family: Family,
        table: NativeTable,
        *,
        wildcard: bool,
        limits: NativeLimits | None,
        stagger: int = 0,
        held: bool = False,
    ) -> None:
        self._socket = udp
        self._slot = SLOTS.index(("udp", str(family)))
        self._faults = 0
        self._schedule: int | None = None
        self.executor = NativeExecutor(table, stagger)
        self.executor.set_time(time.time())
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._core = LoopCore(
            self.executor,
            descriptor=udp.fileno(),
            wake=self.wake,
            slot=self._slot,
            is_ipv6=family is Family.IPV6,
            is_wildcard=wildcard,
            is_held=held,
        )
        self.misses = Misses(table.table.snapshot, self._core.turn)
        self.set_limits(limits)
        udp.setblocking(True)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _IDLE_SECONDS, 0))
        self._thread = threading.Thread(
            target=self._run, name=f"udp-{udp.getsockname()[0]}", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def publish(self, table: NativeTable) -> None:
        """Answer from `table`, from the next receive on."""
        self.executor.offer(table)
        self._take_up()
        self.misses.snapshot = table.table.snapshot

    def set_limits(self, limits: NativeLimits | None) -> None:
        """Limit the rate of responses so from now on; several loops may share the accounts."""
        self.executor.limit_to(limits)
        self._take_up()

    def ask_to_stop(self) -> None:
        """Let the loop come to its end; `stop` waits for it."""
        self._core.stop()

    def stop(self) -> None:
        """Answer what has arrived, and return when the loop has ended."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < deadline and self.answer_miss():
            pass
        if self.wake >= 0:
            os.close(self.wake)
            self.wake = -1
        if self._schedule is not None:
            os.close(self._schedule)
            self._schedule = None

    def _run(self) -> None:
        # They are for the main thread, and would only wake this one.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._schedule = _open_schedule()
        self._core.run()

    def _take_up(self) -> None:
        # At once, so that what was before is freed although no query may come for long.
        self._core.take_up()
        self.executor.release()

    # --- misses -------------------------------------------------------------------------------

    def answer_miss(self) -> bool:
        """Answer the oldest miss that waits; tell whether there was one."""
        found = self._core.miss()
        if found is None:
            return False
        packet, client = found
        try:
            reply = self.misses.answer(packet, self._slot, client, self.executor.cookie_time)
            if reply is not None:
                reply = self._core.limit(client, packet, reply)
        except Exception:
            # A fault of ours costs one client its answer, nobody else theirs.
            self._faults += 1
            self.misses.complain(packet)
            reply = None
        if reply is None:
            self._core.forget()
        else:
            self._core.post(reply)
        return True

    def awake(self) -> None:
        """Take note of `wake`: it is readable no more."""
        os.eventfd_read(self.wake)

    def sleep(self) -> bool:
        """Ask for `wake` at the next miss; False where one has come meanwhile."""
        return self._core.sleep()

    # --- counts -------------------------------------------------------------------------------

    @property
    def progress(self) -> int:
        """A number that grows at least once a second while the loop lives."""
        return self._core.progress

    @property
    def waited_seconds(self) -> float | None:
        """How long the loop has waited for a core; None where the kernel does not tell."""
        if self._schedule is None:
            return None
        _running, waiting, _times = os.pread(self._schedule, 128, 0).split()
        return int(waiting) / 1e9

    @property
    def dropped(self) -> Mapping[str, int]:
        """What got no reply, by reason."""
        dropped = Counter(self._core.dropped)
        if self._faults:
            dropped["error"] = self._faults
        return dropped

    @property
    def limited(self) -> Mapping[str, int]:
        """What rate limiting did, by action."""
        return self.executor.limited()
