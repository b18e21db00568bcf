"""What must hold for every input: scanner, responder, executor, rate limiting, TCP framing."""

import asyncio
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import dns.message
from golden.case import DIRECTORY
from support.executors import BUILT

from fuzz.inputs import NOW
from rrdns.dns.options import Asker, Transport, cookie_time
from rrdns.dns.query import limit_octets, scan
from rrdns.dns.responder import respond
from rrdns.loading import load
from rrdns.model import Snapshot
from rrdns.names import Name
from rrdns.rrtypes import NOERROR, NXDOMAIN, SERVFAIL
from rrdns.server.tcp import TcpServer, _Connection
from rrdns.settings import Limits
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.ratelimit import RateLimiter
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import SLOTS

_CLIENTS = (bytes([192, 0, 2, 1]), bytes([127, 0, 0, 1]), bytes(15) + b"\1", bytes(16))
_IPV4_TCP = 2


class Turns:
    """A rotation that steps as an executor's does."""

    def __init__(self) -> None:
        self._steps: Counter[tuple[Name, int]] = Counter()

    def __call__(self, host: Name, rrtype: int) -> int:
        self._steps[host, rrtype] += 1
        return self._steps[host, rrtype] - 1


def golden_snapshot(path: Path = DIRECTORY / "golden.yaml") -> Snapshot:
    """Return the golden cases' zones and profiles."""
    return make_snapshot(load(path).config, {})


class PacketTarget:
    """One packet to scanner, responder, executors and rate limiter.

    The executors live on: what one keeps of one packet must not colour the answer to another.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        table = compile_table(snapshot, 1)
        self._executors = [make(table) for make in BUILT]
        self._rotation = Turns()
        self._limiter = RateLimiter(5, 2, (), lambda _query, _client: False, Counter())
        self.misses = self.hits = 0

    def __call__(self, data: bytes) -> None:
        """Check one input; AssertionError, or whatever was raised."""
        how, packet = data[0] if data else 0, data[1:]
        slot, client = how & 3, _CLIENTS[(how & 1) * 2 + (how >> 2 & 1)]
        unix_now = NOW + (how >> 3) * 20
        asker = Asker(Transport(SLOTS[slot][0]), client, cookie_time(unix_now))
        query = scan(packet)
        assert (query is None) == (len(packet) < 12 or packet[2] >= 0x80)
        reply = respond(packet, self._snapshot, asker, rotation=self._rotation)
        for executor in self._executors:
            executor.set_time(unix_now)
            said = executor.execute(packet, slot, client)
            if said is None:
                self.misses += 1
                said = respond(packet, self._snapshot, asker, rotation=executor.turn)
            else:
                self.hits += 1
            assert said == reply
        assert (reply is None) == (query is None)
        if reply is None or query is None:
            return
        most = 65535
        if asker.transport is Transport.UDP:
            most = limit_octets(query.edns, self._snapshot.udp_payload)
        check_reply(packet, reply, most)
        assert reply[12 : 12 + len(query.question)] == query.question
        limited = self._limiter.limit(client, packet, reply, how)
        if limited is not None:
            check_reply(packet, limited, most)
            assert len(limited) <= len(reply)


def check_reply(packet: bytes, reply: bytes, most_octets: int) -> None:
    """Check what holds for the reply to any packet; dnspython must be able to read it whole."""
    assert 12 <= len(reply) <= most_octets
    assert reply[:2] == packet[:2]
    assert reply[2] & 0xF8 == packet[2] & 0x78 | 0x80
    assert not reply[3] & 0xF0
    rcode = reply[3] & 15
    assert rcode != SERVFAIL
    assert rcode in (NOERROR, NXDOMAIN) or reply[6:8] == b"\0\0"
    # An UPDATE's sections mean something else, and dnspython reads them so.
    message = dns.message.from_wire(reply[:2] + bytes([reply[2] & 0x87]) + reply[3:])
    assert len(message.question) == int.from_bytes(reply[4:6], "big") <= 1
    if message.flags & dns.flags.TC:
        assert not message.answer + message.authority + message.additional


class _Wire(asyncio.Transport):
    """A connection's other end: keeps what is written, and sometimes does not read for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self._reading = asyncio.Event()
        self._reading.set()
        self.closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self._reading.clear()

    def resume_reading(self) -> None:
        self._reading.set()

    async def readable(self) -> None:
        """Wait until the server reads."""
        await self._reading.wait()

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    def close(self) -> None:
        self.closing = True


class StreamTarget:
    """Octets of a TCP client, in pieces of a size, to the framing and what is behind it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._server = TcpServer(Limits(), PythonExecutor(compile_table(snapshot, 1)))
        self._rotation = Turns()
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Close the event loop."""
        self._loop.close()

    def __call__(self, data: bytes) -> None:
        """Check one input; AssertionError, or whatever was raised."""
        self._loop.run_until_complete(self._feed(data[0] if data else 0, data[1:]))

    async def _feed(self, how: int, stream: bytes) -> None:
        server = self._server
        server.executor.set_time(NOW)
        wire, connection = _Wire(), _Connection(server, _IPV4_TCP)
        connection.connection_made(wire)
        octets = 1 + how % 64 if how & 0x40 else 512 + how
        for start in range(0, len(stream), octets):
            piece = stream[start : start + octets]
            if how & 0x80:
                connection.pause_writing()
                await asyncio.sleep(0)
                connection.resume_writing()
            await wire.readable()
            connection.get_buffer(-1)[: len(piece)] = piece
            connection.buffer_updated(len(piece))
        await wire.readable()
        assert not wire.closing
        assert bytes(wire.written) == self._expected(stream)
        connection.eof_received()
        connection.connection_lost(None)
        assert not server.connections
        assert not server.dropped

    def _expected(self, stream: bytes) -> bytes:
        asker = Asker(Transport.TCP, bytes([127, 0, 0, 1]), NOW)
        said = b""
        while len(stream) >= 2:
            end = 2 + int.from_bytes(stream[:2], "big")
            if end > len(stream):
                break
            reply = respond(stream[2:end], self._snapshot, asker, rotation=self._rotation)
            if reply is not None:
                said += struct.pack("!H", len(reply)) + reply
            stream = stream[end:]
        return said
