"""Watching the answers of a server at a fine pace: when an address left them, when it came back."""

import ipaddress
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.message
import dns.rdatatype

from support.netns import Namespace

_PAUSE_SECONDS = 0.02
_RECORD = struct.Struct("!xxHxxxxxxH")


class AnswersSeen:
    """What the answers for one name held: `at` has, for each address, the times of its changes.

    Times are monotonic seconds. An address begins absent.
    """

    def __init__(self, name: str) -> None:
        self.changes: dict[str, list[tuple[float, bool]]] = {}
        self.asked = 0
        self.unanswered = 0
        self._queries = [
            dns.message.make_query(name, rrtype, use_edns=0, payload=1232, id=1).to_wire()
            for rrtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
        ]
        self._present: list[frozenset[str]] = [frozenset(), frozenset()]

    def now(self) -> frozenset[str]:
        """Return the addresses of the latest answers."""
        return self._present[0] | self._present[1]

    def gone_after(self, address: str, since: float) -> float | None:
        """Return the seconds from a time until the address was last seen to go, None if not."""
        return self._after(address, since, False)

    def back_after(self, address: str, since: float) -> float | None:
        """Return the seconds from a time until the address was seen to come back, None if not."""
        return self._after(address, since, True)

    def _after(self, address: str, since: float, present: bool) -> float | None:
        for at, now in self.changes.get(address, []):
            if now is present and at >= since:
                return at - since
        return None

    def ask_until(self, stop: threading.Event, ask: Callable[[bytes], bytes | None]) -> None:
        """Ask both types, again and again, until told to stop."""
        while not stop.wait(_PAUSE_SECONDS):
            for index, query in enumerate(self._queries):
                reply = ask(query)
                self.asked += 1
                if reply is None:
                    self.unanswered += 1
                    continue
                self._note(index, frozenset(addresses(reply)), time.monotonic())

    def _note(self, index: int, found: frozenset[str], at: float) -> None:
        for address in found ^ self._present[index]:
            self.changes.setdefault(address, []).append((at, address in found))
        self._present[index] = found


def addresses(reply: bytes) -> Iterator[str]:
    """Yield the addresses of an answer section whose records have compressed owner names."""
    place = 12
    while reply[place]:
        place += 1 + reply[place]
    place += 5
    for _ in range(int.from_bytes(reply[6:8], "big")):
        assert reply[place] >= 0xC0
        rrtype, length = _RECORD.unpack_from(reply, place)
        place += _RECORD.size
        if rrtype in (1, 28):
            yield str(ipaddress.ip_address(reply[place : place + length]))
        place += length


@contextmanager
def watching(inside: Namespace, server: str, name: str) -> Iterator[AnswersSeen]:
    """Watch the answers of a server inside a namespace, on port 53, while the block runs."""
    seen = AnswersSeen(name)
    stop = threading.Event()
    with inside.open_socket() as asker:
        asker.connect((server, 53))
        asker.settimeout(1)

        def ask(query: bytes) -> bytes | None:
            asker.send(query)
            try:
                return asker.recv(4096)
            except TimeoutError:
                return None

        thread = threading.Thread(target=seen.ask_until, args=(stop, ask))
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()
