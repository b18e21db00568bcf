"""Response rate limiting: a step of its own after a UDP reply is found, for hits and misses alike.

As BIND's `rate-limit`: an account for each client prefix and kind of reply is credited every
second, up to one second's worth, and debited by every reply; a reply on an account below zero is
limited. Memory is constant: accounts stand in a fixed number of places, and a newcomer takes the
place of whom it collides with.
"""

import ipaddress
from array import array
from collections import Counter
from collections.abc import Callable, Sequence

from rrdns.dns.message import truncate
from rrdns.dns.query import HEADER_OCTETS, Query, scan
from rrdns.rrtypes import NOERROR, NXDOMAIN

PLACES = 1 << 16
WINDOW_SECONDS = 15
_MAX_CLIENTS = 1 << 15
_PREFIX_OCTETS = {4: 3, 16: 7}  # /24 and /56

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class RateLimiter:
    """Limits the replies of one UDP loop; `counts` counts what it limited, by action.

    `per_second` replies a second pass on each account, and every `slip`-th limited one goes out
    truncated (0: none). `is_known` tells of a query and its client's packed address whether the
    client showed that the address is its own (a valid cookie): it is never limited.
    """

    def __init__(
        self,
        per_second: int,
        slip: int,
        exempt: Sequence[Network],
        is_known: Callable[[Query, bytes], bool],
        counts: Counter[str],
    ) -> None:
        self._counts = counts
        self._per_second = per_second
        self._slip = slip
        self._exempt = tuple(exempt)
        self._is_known = is_known
        # The prefix that a client's accounts stand under; None for an exempt one.
        self._prefixes: dict[bytes, bytes | None] = {}
        self._tags = array("q", bytes(8 * PLACES))
        self._balances = array("q", bytes(8 * PLACES))
        self._credited_at = array("q", bytes(8 * PLACES))
        self._limited = array("L", bytes(array("L").itemsize * PLACES))

    def limit(self, client: bytes, packet: bytes, reply: bytes, now: int) -> bytes | None:
        """Return what to send in place of `reply`: itself, itself truncated, or nothing.

        `client` is a packed address, `now` whole seconds of any clock that does not go back.
        """
        prefix = self._prefixes.get(client, b"")
        if prefix is None:
            return reply
        if not prefix:
            prefix = self._new_client(client)
            if prefix is None:
                return reply
        tag = hash((prefix, account(reply)))
        place = tag & PLACES - 1
        if self._tags[place] != tag:
            self._tags[place] = tag
            self._credited_at[place] = now
            self._balances[place] = self._per_second - 1
            self._limited[place] = 0
            return reply
        balance = self._balances[place] - 1
        elapsed = now - self._credited_at[place]
        if elapsed:
            self._credited_at[place] = now
            balance = min(balance + elapsed * self._per_second, self._per_second - 1)
        if balance >= 0:
            self._balances[place] = balance
            return reply
        self._balances[place] = max(balance, -WINDOW_SECONDS * self._per_second)
        return self._over(place, client, packet, reply)

    def _new_client(self, client: bytes) -> bytes | None:
        if len(self._prefixes) >= _MAX_CLIENTS:
            self._prefixes.clear()
        address = ipaddress.ip_address(client)
        exempt = any(address in network for network in self._exempt)
        prefix = None if exempt else client[: _PREFIX_OCTETS[len(client)]]
        self._prefixes[client] = prefix
        return prefix

    def _over(self, place: int, client: bytes, packet: bytes, reply: bytes) -> bytes | None:
        query = scan(packet)
        if query is not None and self._is_known(query, client):
            return reply
        self._limited[place] += 1
        if query is None or not self._slip or self._limited[place] % self._slip:
            self._counts["dropped"] += 1
            return None
        self._counts["slipped"] += 1
        # An error is as small as what would stand for it.
        return truncate(query, reply) if reply[3] & 15 in (NOERROR, NXDOMAIN) else reply


def account(reply: bytes) -> bytes | int:
    """Return what replies are counted together: QNAME and QTYPE, a zone's name, or an RCODE.

    Positive answers (and truncated ones) go by their question, negative answers and referrals by
    the owner of the first authority record, which our replies write as a pointer into the question.
    """
    rcode = reply[3] & 15
    if rcode not in (NOERROR, NXDOMAIN):
        return rcode
    end = reply.find(0, HEADER_OCTETS) + 5
    if reply[6:8] == b"\0\0" and reply[8:10] != b"\0\0" and reply[end] == 0xC0:
        return reply[reply[end + 1] : end - 4].lower()
    return reply[HEADER_OCTETS:end].lower()
