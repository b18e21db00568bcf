"""Snapshots and tables from a few lines of configuration, and the questions that they are asked."""

import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rrdns.dns.options import Asker, Transport
from rrdns.dns.responder import respond
from rrdns.loading import load
from rrdns.model import Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import type_number
from rrdns.settings import Config
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import SLOTS
from rrdns.targets import Health, TargetKey

UDP4, UDP6, TCP4, TCP6 = range(4)

CONFIGURATION = """\
server: {listen: ["127.0.0.1:5399"], http: null, control: control.sock, state_directory: null}
nodes:
  server1: {primary: [192.0.2.11, "2001:db8::11"], secondary: 192.0.2.12}
  server2: {primary: [192.0.2.21, "2001:db8::21"], secondary: 192.0.2.22}
  server3: {primary: [192.0.2.31, "2001:db8::31"], secondary: 192.0.2.32}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts:
      mx1: {role: primary}
      mx2: {role: [secondary, primary]}
      mx3: {role: primary, max_answers: 2}
    records:
      www: {type: A, values: [192.0.2.80, 192.0.2.81]}
      alias: {type: CNAME, value: mx1}
      a.b.c: {type: TXT, value: deep}
  wild.example:
    nameservers: {ns1.example.com.: []}
    records:
      "*": {type: TXT, value: anything}
      child: {type: NS, values: [ns1.example.com.]}
profiles:
  default:
    nameservers: [ns1.example.com., ns2.example.com.]
    mx: ["10 mx1.example.com.", "20 mx2.example.com."]
    records:
      www: {type: CNAME, value: www.example.com.}
      x.y: {type: TXT, value: below}
  wild:
    nameservers: [ns1.example.com.]
    mx: ["10 mx1.example.com."]
    records:
      "*": {type: TXT, value: anything}
domains:
  - {profile: default, names: [customer.test, sub.example.com]}
  - {profile: wild, names: [wild.test]}
"""


def configure(text: str = CONFIGURATION) -> Config:
    """Return the configuration that `text` writes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "rrdns.yaml")
        path.write_text(text)
        return load(path).config


def snapshot_of(
    text: str = CONFIGURATION, healths: Mapping[TargetKey, Health] | None = None
) -> Snapshot:
    """Return the snapshot of a configuration, by default with every target unknown."""
    return make_snapshot(configure(text), healths or {})


def wire(name: str | bytes) -> bytes:
    """Return a name as it is sent; bytes are one already."""
    return from_text(name) if isinstance(name, str) else name


def ask(
    name: str | bytes,
    rrtype: str | int = "A",
    *,
    tail: bytes = b"",
    additional: int | None = None,
    flags: int = 0,
    ident: int = 0x1234,
    rrclass: int = 1,
) -> bytes:
    """Return a query packet; `tail` stands after the question, by default one record."""
    number = rrtype if isinstance(rrtype, int) else type_number(rrtype)
    count = additional if additional is not None else int(bool(tail))
    header = struct.pack("!6H", ident, flags, 1, 0, 0, count)
    return header + wire(name) + struct.pack("!2H", number, rrclass) + tail


def opt(octets: int = 1232, *, flags: int = 0, options: bytes = b"") -> bytes:
    """Return an OPT record (RFC 6891, section 6.1.2)."""
    return struct.pack("!BHHBBHH", 0, 41, octets, 0, 0, flags, len(options)) + options


def expected(packet: bytes, snapshot: Snapshot, slot: int = UDP4, turn: int = 0) -> bytes | None:
    """Return what the responder says when each rotation has made `turn` steps."""
    return respond(
        packet,
        snapshot,
        Asker(Transport(SLOTS[slot][0])),
        rotation=lambda _host, _rrtype: turn,
    )


def rcode(reply: bytes | None) -> int:
    """Return the lower bits of a reply's RCODE."""
    assert reply is not None
    return reply[3] & 15


def first_address(reply: bytes | None, rrtype: int = 1) -> bytes:
    """Return the packed address that leads the answer of a reply without compression in RDATA."""
    assert reply is not None
    assert int.from_bytes(reply[6:8], "big") > 0
    record = reply.index(0, 12) + 5
    octets = 4 if rrtype == 1 else 16
    return reply[record + 12 : record + 12 + octets]
