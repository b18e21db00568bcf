"""Queries as octets, for what dnsperf's list of names and types cannot say."""

import struct
from pathlib import Path

TYPES = {"A": 1, "TXT": 16, "MX": 15, "AAAA": 28, "ANY": 255}
CLASS_IN, CLASS_CH = 1, 3
DELEGATED = "away.example.com"


def message(ident: int, name: str, rrtype: str, rrclass: int = CLASS_IN) -> bytes:
    """Return a query without EDNS, as dnsperf sends it (RD=0)."""
    labels = b"".join(
        bytes([len(label)]) + label.encode("ascii") for label in name.rstrip(".").split(".")
    )
    header = struct.pack("!6H", ident, 0, 1, 0, 0, 0)
    return header + labels + b"\0" + struct.pack("!2H", TYPES[rrtype], rrclass)


def framed(packet: bytes) -> bytes:
    """Return a message with its length before it, as over TCP and in dnsperf's binary form."""
    return struct.pack("!H", len(packet)) + packet


def misses() -> list[bytes]:
    """Return queries that no table has the answers of: an executor leaves each to the responder.

    ANY of a host, class CH, a second question that is not there, octets after the end, a label
    longer than the packet, a name below a delegation.
    """
    good = message(0, "mx1.example.com", "A")
    return [
        message(0, "mx1.example.com", "ANY"),
        message(0, "version.bind", "TXT", CLASS_CH),
        good[:5] + b"\2" + good[6:],
        good + b"\0",
        good[:12] + b"\x3f" + good[13:],
        message(0, f"host.{DELEGATED}", "A"),
    ]


def read_queries(path: Path) -> list[tuple[str, str]]:
    """Read a list of names and types in dnsperf's form."""
    queries = []
    for line in path.read_text().splitlines():
        name, rrtype = line.split()
        queries.append((name, rrtype))
    return queries
