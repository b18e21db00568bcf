"""The UDP loop: answers up to 64 datagrams a turn, the hits first and the misses as there is time.

It is a thread, so that a control side that stalls does not stop the answers. While it waits in the
kernel it holds nothing of the interpreter.

A miss costs as much as a hundred hits. So that a flood of them keeps no hit waiting, misses queue
up, one of them is answered a turn, and what does not fit into the queue is dropped. A new cookie
costs half as much: a turn makes eight of them at once, and the rest are misses.
"""

import contextlib
import errno
import ipaddress
import logging
import socket
import struct
import threading
import time
from collections import Counter, deque
from typing import NamedTuple

from rrdns.dns import cookie
from rrdns.dns.query import Query
from rrdns.server.misses import Misses
from rrdns.server.mmsg import (
    DATAGRAM_OCTETS,
    FLAGS_WORD,
    HEADER_WORDS,
    LENGTH_WORD,
    MSG_DONTWAIT,
    MSG_TRUNC,
    MSG_WAITFORONE,
    Batch,
    Envelope,
)
from rrdns.settings import Limits
from rrdns.table.executor import PythonExecutor
from rrdns.table.ratelimit import RateLimiter
from rrdns.table.table import SLOTS, Table
from rrdns.targets import Family

_log = logging.getLogger("rrdns.server")

BATCH = 64
MAX_WAITING = 256
_PLANS_A_TURN = 8
_IDLE_SECONDS = 1
_DRAIN_SECONDS = 1.0


class _Waiting(NamedTuple):
    """A miss that waits for its answer."""

    packet: bytes
    client: bytes
    envelope: Envelope


class UdpLoop:
    """Serves one UDP socket from a thread of its own, whatever the rest of the process does.

    Answers from the newest table that `publish` was given; owns an executor, and thereby a
    rotation that no other loop steps. `progress` grows at least once a second while the loop
    lives. `dropped` counts what got no reply for a reason of the socket's, `limited` what rate
    limiting did, by action. Of a `held` socket a stop leaves behind what has not been received.
    """

    def __init__(
        self,
        udp: socket.socket,
        family: Family,
        table: Table,
        *,
        wildcard: bool,
        limits: Limits,
        stagger: int = 0,
        held: bool = False,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self.limited: Counter[str] = Counter()
        self.progress = 0
        self.executor = PythonExecutor(table, stagger)
        self.misses = Misses(table.snapshot, self.executor.turn)
        self._table = table
        self._socket = udp
        self._descriptor = udp.fileno()
        self._slot = SLOTS.index(("udp", str(family)))
        self._stopping = False
        self._held = held
        self._now = 0
        self._wildcard = wildcard
        self._batch = Batch(BATCH, family, wildcard=wildcard)
        self._single = Batch(1, family, wildcard=wildcard)
        self._waiting: deque[_Waiting] = deque()
        self.set_limits(limits)
        udp.setblocking(True)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _IDLE_SECONDS, 0))
        self._thread = threading.Thread(
            target=self._run, name=f"udp-{udp.getsockname()[0]}", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def publish(self, table: Table) -> None:
        """Answer from `table`, from the next receive on."""
        self._table = table

    def set_limits(self, limits: Limits) -> None:
        """Limit the rate of responses so from now on."""
        self._limiter: RateLimiter | None = None
        if limits.responses_per_second:
            self._limiter = RateLimiter(
                limits.responses_per_second,
                limits.slip,
                [ipaddress.ip_network(text) for text in limits.exempt],
                self._is_known,
                self.limited,
            )

    def ask_to_stop(self) -> None:
        """Let the loop come to its end; `stop` waits for it."""
        self._stopping = True
        if self._held:
            # What has not been received is for who serves the socket next.
            return
        # Ends a wait for the next datagram at once, although Linux calls it an error on a socket
        # without a peer; where it does not, the idle time-out does.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def stop(self) -> None:
        """Answer what has arrived, and return when the loop has ended."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join()

    # --- turns --------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            self._turn(MSG_DONTWAIT if self._waiting else MSG_WAITFORONE)
        if self._held:
            while self._waiting:
                self._answer_waiting()
            return
        # Under a flood there is always more: what has arrived is answered within a second.
        deadline = time.monotonic() + _DRAIN_SECONDS
        while (self._turn(MSG_DONTWAIT) or self._waiting) and time.monotonic() < deadline:
            pass

    def _turn(self, flags: int) -> bool:
        """Answer up to 64 datagrams and one miss; tell whether there were any datagrams."""
        count = self._batch.receive(self._descriptor, flags)
        self.progress += 1
        now = int(time.monotonic())
        if now != self._now:
            self._now = now
            self.executor.set_time(time.time())
        if self.executor.table is not self._table:
            self.executor.adopt(self._table)
            self.misses.snapshot = self._table.snapshot
        # An empty datagram is what a closed receive side reads as.
        received = count > 0 and not (self._stopping and not self._batch.words[LENGTH_WORD])
        if received:
            self.executor.allow_plans(_PLANS_A_TURN)
            self._answer(count)
        elif count < 0:
            self._receive_failed(-count)
        if self._waiting:
            self._answer_waiting()
        return received

    def _answer(self, count: int) -> None:
        batch = self._batch
        data, names, clients = batch.data, batch.names, batch.clients
        words, lengths = batch.words, batch.lengths
        execute, slot, limiter, now = self.executor.execute, self._slot, self._limiter, self._now
        if self._wildcard:
            batch.clear_interfaces(count)
        first = 0
        for index in range(count):
            at = index * DATAGRAM_OCTETS
            word = index * HEADER_WORDS
            size = words[word + LENGTH_WORD]
            if size == DATAGRAM_OCTETS and words[word + FLAGS_WORD] & MSG_TRUNC:
                self.dropped["oversized"] += 1
                self._send(first, index)
                first = index + 1
                continue
            packet = data[at : at + size].tobytes()
            client = names[clients[index]].tobytes()
            try:
                reply = execute(packet, slot, client)
                if reply is None:
                    self._wait(packet, client, index)
                elif limiter is not None:
                    reply = limiter.limit(client, packet, reply, now)
            except Exception:
                # A fault of ours costs one client its answer, nobody else theirs.
                self._fault(packet)
                reply = None
            if reply is None:
                self._send(first, index)
                first = index + 1
                continue
            size = len(reply)
            data[at : at + size] = reply
            lengths[2 * index + 1] = size
        self._send(first, count)

    def _send(self, first: int, end: int) -> None:
        if first < end:
            failures = self._batch.send(self._descriptor, first, end)
            if failures:
                self._failed(failures)

    # --- misses -------------------------------------------------------------------------------

    def _wait(self, packet: bytes, client: bytes, index: int) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.dropped["miss_queue"] += 1
        else:
            self._waiting.append(_Waiting(packet, client, self._batch.envelope(index)))

    def _answer_waiting(self) -> None:
        packet, client, envelope = self._waiting.popleft()
        try:
            reply = self.misses.answer(packet, self._slot, client, self.executor.cookie_time)
            if reply is not None and self._limiter is not None:
                reply = self._limiter.limit(client, packet, reply, self._now)
            if reply is not None:
                self._failed(self._single.post(self._descriptor, envelope, reply))
        except Exception:
            self._fault(packet)

    # --- trouble ------------------------------------------------------------------------------

    def _is_known(self, query: Query, client: bytes) -> bool:
        given = None if query.edns is None else query.edns.cookie
        secrets = self._table.snapshot.cookie_secrets
        return given is not None and cookie.is_valid(given, client, int(time.time()), secrets)

    def _fault(self, packet: bytes) -> None:
        self.dropped["error"] += 1
        self.misses.complain(packet)

    def _failed(self, failures: list[str]) -> None:
        for failure in failures:
            self.dropped["send_error"] += 1
            _log.debug("send failed: %s", failure)

    def _receive_failed(self, code: int) -> None:
        if code not in (errno.EAGAIN, errno.EINTR):
            # Errors of earlier sends are reported here (ECONNREFUSED): reading goes on.
            self.dropped["receive_error"] += 1
            _log.debug("receive failed: errno %d", code)
