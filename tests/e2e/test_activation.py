"""Sockets that systemd holds: a restart under load loses nothing. The test plays systemd's part."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dns.message
import dns.query
import pytest
from support.asking import Dig
from support.dnsperf import dnsperf
from support.ports import free_port
from support.processes import Background, background
from support.serving import RRDNS, configuration, nodes_at

from bench.load import parse

STAND_IN = Path(__file__).parent.parent / "support" / "held_sockets.py"
# What systemd/rrdns.socket asks for; Linux's number, because Python's module does not have it.
RECEIVE_BUFFER_OCTETS = 64 * 1024 * 1024
SO_RCVBUFFORCE = 33
EXECUTORS = pytest.mark.parametrize("executor", ["native", "python"])


@contextmanager
def held(port: int, address: str = "127.0.0.1", *, v6_only: bool = True) -> Iterator[list[int]]:
    """Hold a UDP and a TCP socket, as systemd does for its socket unit."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ExitStack() as stack:
        found = []
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            sock = stack.enter_context(socket.socket(family, kind))
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6_only))
            sock.bind((address, port))
            if kind == socket.SOCK_STREAM:
                sock.listen(128)
            elif os.getuid() == 0:
                sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_OCTETS)
            os.set_inheritable(sock.fileno(), True)
            found.append(sock.fileno())
        yield found


Passing = Callable[[Sequence[int], Path], Background]


@pytest.fixture
def passing(tmp_path: Path) -> Iterator[Passing]:
    """Start servers with sockets passed to them; none outlives the test."""
    started: list[Background] = []

    def start(descriptors: Sequence[int], path: Path) -> Background:
        words = [sys.executable, str(STAND_IN), *map(str, descriptors), "--"]
        words += [*RRDNS, "-c", str(path), "serve"]
        log = tmp_path / f"server{len(started)}.log"
        started.append(Background(words, log, pass_fds=descriptors))
        return started[-1]

    yield start
    for server in started:
        server.kill()


def _configuration(directory: Path, port: int, executor: str, smtp: int) -> Path:
    path = directory / "rrdns.yaml"
    text = configuration(
        listen=[f"127.0.0.1:{port}"],
        nodes={"server1": "127.0.28.1", "server2": "127.0.28.2"},
        directory=directory,
        health=f"port: {smtp}",
    )
    (directory / "state").mkdir()
    text = text.replace("state_directory: null", f"state_directory: {directory}/state")
    path.write_text(text.replace("server:\n", f"server:\n  executor: {executor}\n", 1))
    return path


@EXECUTORS
def test_a_restart_under_5000_queries_a_second_loses_none(
    tmp_path: Path, port: int, executor: str, passing: Passing
) -> None:
    smtp = free_port("127.0.28.1")
    path = _configuration(tmp_path, port, executor, smtp)
    queries = tmp_path / "queries.txt"
    queries.write_text("mx1.example.com A\nmx2.example.com A\ncustomer.test MX\n")
    command = dnsperf(port, queries, seconds=8, rate=5000, timeout_seconds=10)
    dig = Dig("127.0.0.1", port)
    places = {"server1": [f"127.0.28.1:{smtp}"]}
    with nodes_at(places, tmp_path), held(port) as descriptors:
        server = passing(descriptors, path)
        server.wait_for_output("ready listen=")
        # server2 is dead: what is saved says so, and no first round is waited for.
        assert dig.addresses("mx1.example.com") == {"127.0.28.1"}
        with background(command, tmp_path / "load.log") as load:
            load.wait_for_output("Sending queries")
            for _ in range(2):
                server.send(signal.SIGTERM)
                assert server.wait() == 0
                server = passing(descriptors, path)
                server.wait_for_output("ready listen=")
                assert dig.addresses("mx1.example.com") == {"127.0.28.1"}
            assert load.process.poll() is None, "the restarts took longer than the load"
            assert load.wait(40) == 0
        server.stop()
    answered = parse(load.output)
    assert answered.sent > 30_000
    assert (answered.lost, answered.good) == (0, answered.sent), load.output


@EXECUTORS
def test_what_came_before_the_start_is_answered(
    tmp_path: Path, port: int, executor: str, passing: Passing
) -> None:
    path = _configuration(tmp_path, port, executor, free_port("127.0.28.1"))
    query = dns.message.make_query("customer.test", "MX")
    with (
        held(port) as descriptors,
        socket.create_connection(("127.0.0.1", port), timeout=20) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.settimeout(20)
        udp.sendto(query.to_wire(), ("127.0.0.1", port))
        wire = query.to_wire()
        tcp.sendall(len(wire).to_bytes(2, "big") + wire)
        server = passing(descriptors, path)
        assert dns.message.from_wire(udp.recv(4096)).answer
        reply, _ = dns.query.receive_tcp(tcp, expiration=None)
        assert reply.answer
        server.stop()


@pytest.mark.parametrize(
    ("listen", "address", "said"),
    [
        ("127.0.0.1:{other}", "127.0.0.1", "systemd passed no udp and tcp socket for 127.0.0.1:"),
        ("[::]:{port}", "::", "set BindIPv6Only=ipv6-only in rrdns.socket"),
    ],
)
def test_sockets_that_are_not_the_configured_ones_are_refused(
    tmp_path: Path, port: int, listen: str, address: str, said: str, passing: Passing
) -> None:
    path = _configuration(tmp_path, port, "auto", free_port("127.0.28.1"))
    place = listen.format(port=port, other=free_port())
    path.write_text(path.read_text().replace(f"127.0.0.1:{port}", place))
    with held(port, address, v6_only=False) as descriptors:
        server = passing(descriptors, path)
        assert server.wait(20) == 1
    assert said in server.output


def test_a_socket_too_many_is_refused(tmp_path: Path, port: int, passing: Passing) -> None:
    path = _configuration(tmp_path, port, "auto", free_port("127.0.28.1"))
    with held(port) as descriptors, held(free_port()) as others:
        server = passing([*descriptors, *others], path)
        assert server.wait(20) == 1
    assert "systemd passed sockets that server.listen has not (udp 127.0.0.1:" in server.output
