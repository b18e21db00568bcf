"""100,000 mutated packets over UDP, and more over TCP: the server answers on and does not grow."""

import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Dig
from support.ports import free_port
from support.processes import Background
from support.serving import configuration, fetch, serving

from bench.cpu import resident_bytes

UDP_PACKETS, TCP_PACKETS, WARM_UP_PACKETS = 100_000, 20_000, 30_000
GROWTH_BYTES = 6 * 1024 * 1024
ADDRESSES = {"192.0.2.11", "192.0.2.21"}


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[tuple[Background, int]]:
    """A server, and the port of its metrics."""
    http = free_port()
    path = tmp_path / "rrdns.yaml"
    path.write_text(
        configuration(
            listen=[f"127.0.0.1:{port}"],
            nodes={"server1": "192.0.2.11", "server2": "192.0.2.21"},
            directory=tmp_path,
            http=f'"127.0.0.1:{http}"',
        )
    )
    with serving(path) as running:
        yield running, http


def _name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def _seeds() -> list[bytes]:
    """Return well-formed queries of every kind that the server has an answer to."""
    options = b"\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08\x00\x03\x00\x00"
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, len(options)) + options
    seeds = []
    for name, rrtype in [
        ("mx1.example.com", 1),
        ("mx2.example.com", 28),
        ("customer.test", 15),
        ("example.com", 6),
        ("no.such.example.com", 1),
        ("x" * 63 + ".example.com", 255),
        ("other.invalid", 252),
    ]:
        question = _name(name) + struct.pack("!HH", rrtype, 1)
        head = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0)
        seeds.append(head + question)
        seeds.append(head[:10] + b"\0\1" + question + opt)
    return seeds


def _mutated(count: int, seed: int) -> Iterator[bytes]:
    """Yield packets with flipped, cut, doubled, inserted and random octets."""
    dice = random.Random(seed)
    seeds = _seeds()
    for _ in range(count):
        packet = bytearray(dice.choice(seeds))
        # Mostly one small change: packets that are broken everywhere end at the first check.
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            where = dice.randrange(len(packet))
            match dice.randrange(8):
                case 0 | 1 | 2:
                    packet[where] = dice.randrange(256)
                case 3 | 4:
                    packet[where] ^= 1 << dice.randrange(8)
                case 5:
                    del packet[where + 1 :]
                case 6:
                    packet[where:where] = packet[dice.randrange(len(packet)) :][:40]
                case _:
                    # A compression pointer, forwards, backwards or at itself.
                    packet[where : where + 2] = bytes([0xC0, dice.randrange(64)])
        yield bytes(packet)


def _throw_udp(port: int, packets: Iterator[bytes]) -> None:
    good = _seeds()[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thrower:
        thrower.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        thrower.connect(("127.0.0.1", port))
        thrower.settimeout(10)
        for number, packet in enumerate(packets):
            thrower.send(packet)
            if number % 200 == 199:
                # A good query paces the flood: its answer says that all before it were read.
                marker = struct.pack("!H", number % 65521) + b"\x01\x10"
                thrower.send(marker + good[4:])
                while thrower.recv(4096)[:2] != marker[:2]:
                    pass


def _throw_tcp(port: int, packets: Iterator[bytes]) -> None:
    """Send each connection 50 messages; the server may close it at any of them."""
    batch: list[bytes] = []
    for packet in packets:
        batch.append(struct.pack("!H", len(packet)) + packet)
        if len(batch) == 50:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as thrower:
                try:
                    thrower.sendall(b"".join(batch))
                    thrower.shutdown(socket.SHUT_WR)
                    while thrower.recv(65536):
                        pass
                except (ConnectionResetError, BrokenPipeError):
                    pass
            batch.clear()


def test_a_flood_of_mutated_packets_changes_nothing(
    server: tuple[Background, int], port: int
) -> None:
    running, http = server
    _throw_udp(port, _mutated(WARM_UP_PACKETS, seed=1))
    _throw_tcp(port, _mutated(WARM_UP_PACKETS // 5, seed=2))
    fetch(f"http://127.0.0.1:{http}/metrics")
    before = resident_bytes(running.pid)
    _throw_udp(port, _mutated(UDP_PACKETS, seed=3))
    _throw_tcp(port, _mutated(TCP_PACKETS, seed=4))
    metrics = fetch(f"http://127.0.0.1:{http}/metrics")
    grown = resident_bytes(running.pid) - before
    dig = Dig("127.0.0.1", port)
    for transport in ("+notcp", "+tcp"):
        assert set(dig("mx1.example.com", "A", transport).values) == ADDRESSES
        assert len(dig("customer.test", "MX", transport).values) == 2
    assert grown < GROWTH_BYTES, f"{before} bytes grew by {grown}"
    assert "Traceback" not in running.output
    assert 'rrdns_dns_responses_total{proto="udp",rcode="SERVFAIL"}' not in metrics
    assert 'rcode="FORMERR"' in metrics
