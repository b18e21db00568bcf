"""What must hold for every input to the compiled executor, in buffers without an octet to spare."""

from collections.abc import Sequence

from fuzz.inputs import NOW
from rrdns.dns.options import Asker, Transport
from rrdns.dns.responder import respond
from rrdns.model import Snapshot
from rrdns.table._native import MISS, RESPONSE, SHORT, NativeExecutor, NativeLimits, NativeTable
from rrdns.table.compiler import compile_table
from rrdns.table.table import SLOTS

_CLIENTS = (bytes([192, 0, 2, 1]), bytes([127, 0, 0, 1]), bytes(15) + b"\1", bytes(16))
_COMPARED = 10
_PUBLISHED = 500


class NativeTarget:
    """One packet to executors of several tables in turn, and now and then to the responder.

    Two executors answer the same queries, one in a buffer with room for anything and one in buffers
    of exactly the size that the reply takes: there a sanitizer sees an octet read or written too
    far. A buffer that is too small by one octet has to stay as it was, and the rotation too.
    """

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        self._snapshot = snapshots[0]
        self._table = NativeTable(compile_table(self._snapshot, 1))
        self._roomy, self._exact = NativeExecutor(self._table), NativeExecutor(self._table)
        self._roomy.limit_to(NativeLimits(5, 2))
        self.count = self.hits = 0

    def __call__(self, data: bytes) -> None:
        """Check one input; AssertionError, or the sanitizer's end of the process."""
        how, packet = data[0] if data else 0, data[1:]
        slot, client = how & 3, _CLIENTS[(how & 1) * 2 + (how >> 2 & 1)]
        if not self.count % _PUBLISHED:
            self._publish()
        self.count += 1
        for executor in (self._roomy, self._exact):
            executor.set_time(NOW + (how >> 3) * 20)
        reply = self._roomy.execute(packet, slot, client)
        size, octets = self._exactly(packet, reply, slot, client)
        if reply is None:
            assert octets == packet
            assert size == _silence(packet)
        else:
            self.hits += 1
            assert octets == reply
            limited = self._roomy.limit(client, packet, reply, self.count // 50)
            assert limited is None or len(limited) <= len(reply)
        if not self.count % _COMPARED:
            self._compare(packet, slot, client)

    def _exactly(
        self, packet: bytes, reply: bytes | None, slot: int, client: bytes
    ) -> tuple[int, bytes]:
        needed = len(packet) if reply is None else max(len(reply), len(packet))
        if reply is not None and needed > len(packet):
            for room in {len(packet), needed - 1}:
                found = self._exact.execute_within(packet, room, slot, client)
                assert found == (MISS, packet)
        return self._exact.execute_within(packet, needed, slot, client)

    def _compare(self, packet: bytes, slot: int, client: bytes) -> None:
        executor = NativeExecutor(self._table)
        executor.set_time(NOW)
        said = executor.execute(packet, slot, client)
        asker = Asker(Transport(SLOTS[slot][0]), client, executor.cookie_time)
        expected = respond(packet, self._snapshot, asker, rotation=lambda _host, _rrtype: 0)
        assert said is None or said == expected

    def _publish(self) -> None:
        number = self.count // _PUBLISHED
        self._snapshot = self._snapshots[number % len(self._snapshots)]
        table = compile_table(self._snapshot, number + 2, self._table.table)
        self._table = NativeTable(table, self._table)
        for executor in (self._roomy, self._exact):
            executor.adopt(self._table)


def _silence(packet: bytes) -> int:
    """Return the code for a packet that is no hit."""
    if len(packet) < 12:
        return SHORT
    return RESPONSE if packet[2] & 0x80 else MISS
