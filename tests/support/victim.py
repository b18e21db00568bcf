"""A real server that a test abuses: its metrics, its memory, floods, and a client beside them."""

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bench.cpu import resident_bytes
from support.ports import free_port
from support.processes import Background
from support.serving import configuration, fetch, serving
from support.tables import ask

ADDRESSES = {"192.0.2.11", "192.0.2.21"}
DEADLINE_SECONDS = 20.0
_MAX_BURSTS = 600


@dataclass(frozen=True, slots=True)
class Victim:
    """A running server with mx1, mx2 and customer.test; `http` is the port of its metrics."""

    port: int
    http: int
    running: Background

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        text = fetch(f"http://127.0.0.1:{self.http}/metrics")
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def memory_bytes(self) -> int:
        """Return what is resident."""
        return resident_bytes(self.running.pid)

    def connect(self, source: str = "127.0.0.1", *, receive_octets: int = 0) -> socket.socket:
        """Return a TCP connection from an address of loopback."""
        made = socket.socket()
        if receive_octets:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_octets)
        made.settimeout(DEADLINE_SECONDS)
        try:
            made.bind((source, 0))
            made.connect(("127.0.0.1", self.port))
        except OSError:
            made.close()
            raise
        return made


@contextlib.contextmanager
def victim(
    directory: Path, limits: str = "", prefix: tuple[str, ...] = (), executor: str = "auto"
) -> Iterator[Victim]:
    """Run a server with these `limits` on a free port of loopback."""
    port, http = free_port(), free_port()
    path = directory / "rrdns.yaml"
    path.write_text(
        configuration(
            listen=[f"127.0.0.1:{port}"],
            nodes={"server1": "192.0.2.11", "server2": "192.0.2.21"},
            directory=directory,
            http=f'"127.0.0.1:{http}"',
            limits=limits,
            server=f"  executor: {executor}\n",
        )
    )
    with serving(path, prefix=prefix) as running:
        yield Victim(port, http, running)
        assert "Traceback" not in running.output


# --- over UDP ---------------------------------------------------------------------------------


def udp(port: int, source: str = "127.0.0.1") -> socket.socket:
    """Return a UDP socket that asks a port of loopback from an address of loopback."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.bind((source, 0))
    made.connect(("127.0.0.1", port))
    return made


def burst(asker: socket.socket, packet: bytes, count: int) -> list[bytes]:
    """Send a query so often, and return the replies that came until it was silent for a second."""
    for ident in range(count):
        asker.send(struct.pack("!H", ident) + packet[2:])
    return silence(asker)


def silence(asker: socket.socket) -> list[bytes]:
    """Return the replies that come until none came for a second."""
    asker.settimeout(1.0)
    found = []
    with contextlib.suppress(TimeoutError):
        while True:
            found.append(asker.recv(4096))
    return found


@dataclass
class Flood:
    """Sends packets in bursts of a tenth of a second, and reads no reply; `sent` counts them."""

    make: Callable[[int], bytes]
    sent: int = field(default=0)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self, port: int, per_second: int, source: str = "127.0.0.1") -> Iterator[None]:
        """Flood while the block runs."""
        thread = threading.Thread(target=self._run, args=(port, per_second // 10, source))
        self._stop.clear()
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _run(self, port: int, a_burst: int, source: str) -> None:
        with udp(port, source) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            for number in itertools.count(1):
                for _ in range(a_burst):
                    sender.send(self.make(self.sent))
                    self.sent += 1
                if self._stop.wait(0.1) or number > _MAX_BURSTS:
                    return


def steady(port: int, count: int, per_second: int, source: str = "127.0.0.1") -> list[float]:
    """Ask for mx1 at a steady rate; return how long each answer took, none lost, in seconds."""
    asked: list[float] = []
    took: dict[int, float] = {}

    def receive() -> None:
        with contextlib.suppress(TimeoutError):
            while len(took) < count:
                reply = asker.recv(4096)
                ident = int.from_bytes(reply[:2], "big")
                if reply[6:8] == b"\0\2":
                    took[ident] = time.monotonic() - asked[ident]

    with udp(port, source) as asker:
        asker.settimeout(DEADLINE_SECONDS)
        receiver = threading.Thread(target=receive)
        receiver.start()
        begun = time.monotonic()
        for ident in range(count):
            time.sleep(max(0.0, begun + ident / per_second - time.monotonic()))
            asked.append(time.monotonic())
            asker.send(ask("mx1.example.com.", "A", ident=ident))
        receiver.join()
    assert len(took) == count, f"{count - len(took)} of {count} queries got no answer"
    return [took[ident] for ident in range(count)]


# --- over TCP ---------------------------------------------------------------------------------


def framed(*packets: bytes) -> bytes:
    """Return messages with their length before each (RFC 1035, section 4.2.2)."""
    return b"".join(struct.pack("!H", len(packet)) + packet for packet in packets)


def message(connection: socket.socket) -> bytes:
    """Return the next message."""
    return _exactly(connection, int.from_bytes(_exactly(connection, 2), "big"))


def _exactly(connection: socket.socket, octets: int) -> bytes:
    data = b""
    while len(data) < octets:
        more = connection.recv(octets - len(data))
        assert more, "the server closed the connection"
        data += more
    return data


def is_cut(connection: socket.socket) -> bool:
    """Tell whether the server closed a connection, waiting for it."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return True
