"""The golden cases against a running server, over UDP and TCP."""

import shutil
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.executors import require_native
from support.ports import free_port
from support.serving import serving

from golden.case import DIRECTORY, Case, ask, check
from golden.cases import CASES

_DEADLINE_SECONDS = 5
# A miss, because over UDP the hits overtake the misses; those keep their order.
_AFTERWARDS = b"\x77\x77" + ask("parked.test.", "ANY")[2:]


@dataclass(frozen=True, slots=True)
class Client:
    """Sends a packet and returns the reply to it, or None where the next query's came first."""

    connection: socket.socket
    tcp: bool

    def ask(self, packet: bytes) -> bytes | None:
        self._send(packet)
        self._send(_AFTERWARDS)
        reply = self._receive()
        if reply[:2] == _AFTERWARDS[:2]:
            return None
        assert self._receive()[:2] == _AFTERWARDS[:2]
        return reply

    def _send(self, packet: bytes) -> None:
        head = struct.pack("!H", len(packet)) if self.tcp else b""
        self.connection.sendall(head + packet)

    def _receive(self) -> bytes:
        if not self.tcp:
            return self.connection.recv(65535)
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def _exactly(self, octets: int) -> bytes:
        data = b""
        while len(data) < octets:
            more = self.connection.recv(octets - len(data))
            assert more, "the server closed the connection"
            data += more
        return data


@pytest.fixture(scope="module", params=["python", "native"])
def port(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server with the golden configuration; one for each executor."""
    if request.param == "native":
        require_native()
    directory = tmp_path_factory.mktemp("golden")
    number = free_port()
    for name in ("golden.zone", "golden.secrets"):
        shutil.copy(DIRECTORY / name, directory)
    path = directory / "golden.yaml"
    path.write_text(
        (DIRECTORY / "golden.yaml").read_text()
        + f"""\
  listen: ["127.0.0.1:{number}"]
  http: null
  control: {directory}/control.sock
  state_directory: null
  executor: {request.param}
"""
    )
    with serving(path):
        yield number


@pytest.fixture(scope="module", params=["udp", "tcp"])
def client(port: int, request: pytest.FixtureRequest) -> Iterator[Client]:
    tcp = request.param == "tcp"
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as connection:
        connection.settimeout(_DEADLINE_SECONDS)
        connection.connect(("127.0.0.1", port))
        yield Client(connection, tcp)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_server_answers(client: Client, case: Case) -> None:
    unix_now = int(time.time())
    check(case, client.ask(case.sent(unix_now)), tcp=client.tcp, unix_now=unix_now)
