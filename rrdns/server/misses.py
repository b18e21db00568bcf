"""What no executor has an answer for: the responder's replies, and what gets none."""

import logging
import time
from collections import Counter

from rrdns.dns.lookup import Rotation
from rrdns.dns.options import Asker, Transport
from rrdns.dns.query import HEADER_OCTETS, Query, scan
from rrdns.dns.responder import failure, respond_to
from rrdns.model import Snapshot
from rrdns.rrtypes import BADVERS, type_label
from rrdns.table.table import SLOTS

_log = logging.getLogger("rrdns.server")

_COMPLAINT_SECONDS = 60.0


class Misses:
    """Answers packets by the responder and counts them; nothing that a packet does raises here.
    `count` is the number of misses and `truncated` that of the replies sent with TC; `answered`
    counts replies by (type label, RCODE, slot), `dropped` the packets without one by reason.
    """

    def __init__(self, snapshot: Snapshot, rotation: Rotation) -> None:
        self.snapshot = snapshot
        self.count = 0
        self.truncated = 0
        self.answered: Counter[tuple[str, int, int]] = Counter()
        self.dropped: Counter[str] = Counter()
        self._rotation = rotation
        self._complained_at = -_COMPLAINT_SECONDS

    def answer(
        self, packet: bytes, slot: int, client: bytes = bytes(4), cookie_time: int = 0
    ) -> bytes | None:
        """Return the reply to a packet from a packed address, or None for silence.

        `cookie_time` goes into cookies, in unix seconds.
        """
        self.count += 1
        query = scan(packet)
        if query is None:
            self.dropped["short" if len(packet) < HEADER_OCTETS else "response"] += 1
            return None
        label = type_label(query.rrtype) if query.question else "other"
        try:
            reply = respond_to(
                query,
                self.snapshot,
                Asker(Transport(SLOTS[slot][0]), client, cookie_time),
                rotation=self._rotation,
            )
        except Exception:
            self.complain(packet)
            reply = failure(query, self.snapshot)
        self.truncated += reply[2] >> 1 & 1
        self.answered[label, _rcode(query, reply), slot] += 1
        return reply

    def complain(self, packet: bytes) -> None:
        """Log the exception at hand, which this packet caused."""
        # A packet that finds a fault can be sent a million times: one report a minute.
        now = time.monotonic()
        if now - self._complained_at >= _COMPLAINT_SECONDS:
            self._complained_at = now
            _log.exception("a query could not be answered, please report it: %s", packet.hex())


def _rcode(query: Query, reply: bytes) -> int:
    # The upper bits of an RCODE stand in the OPT (RFC 6891, section 6.1.3); only BADVERS has any.
    low = reply[3] & 15
    return BADVERS if not low and query.error == BADVERS else low
