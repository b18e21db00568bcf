"""A server under measurement: started, checked to give the right answers, loaded, stopped."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from bench.cores import pinned, server_cpu
from bench.cpu import cpu_seconds
from bench.load import QUERIES, Answered
from bench.servers import HOSTS, PREFERENCES, Server

START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Round:
    """One round of load on one server; `cpu_seconds` is its user and system time meanwhile."""

    answered: Answered
    cpu_seconds: float

    @property
    def cpu_us_per_query(self) -> float:
        """CPU microseconds for each answered query."""
        return self.cpu_seconds / self.answered.completed * 1e6


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers on a port of 127.0.0.1; its files are in `directory`."""

    name: str
    pid: int
    port: int
    directory: Path

    def measure(self, drive: Callable[[int], Answered]) -> Round:
        """Drive a load against the port; raises RuntimeError where the figures cannot be right."""
        measured = self.observe(drive)
        answered = measured.answered
        if answered.good != answered.completed or not answered.completed:
            raise RuntimeError(f"{self.name}: {answered.good} good of {answered}")
        return measured

    def observe(self, drive: Callable[[int], Answered]) -> Round:
        """Drive a load of which not all need be answered, and see what CPU time it took."""
        wall = time.monotonic()
        before = cpu_seconds(self.pid)
        answered = drive(self.port)
        spent = cpu_seconds(self.pid) - before
        wall = time.monotonic() - wall
        # A tick is 10 ms, and each process of the server rounds to it.
        if not 0 < spent <= wall * (os.cpu_count() or 1) + 0.1:
            raise RuntimeError(f"{self.name}: {spent:.2f} s of CPU within {wall:.2f} s")
        return Round(answered, spent)


@contextmanager
def running(server: Server, program: str, directory: Path) -> Iterator[Running]:
    """Run a server in a directory of its own until it answers rightly; end it afterwards."""
    port = _free_port()
    command = [*pinned(server_cpu()), *server.write(program, directory, port)]
    with (directory / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=directory, start_new_session=True
        )
    try:
        _wait_for_answers(server.name, process, port, directory / "output.txt")
        yield Running(server.name, process.pid, port, directory)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        return port


def _wait_for_answers(name: str, process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    end = time.monotonic() + START_SECONDS
    wrong = "no answer"
    while time.monotonic() < end and process.poll() is None:
        wrong = _wrong_answers(port)
        if not wrong:
            return
        time.sleep(0.1)
    raise RuntimeError(f"{name} does not answer ({wrong}): {output.read_text()[-2000:]}")


def _wrong_answers(port: int) -> str:
    """Return what is wrong with the answers to the queries; empty where all are right."""
    for name, rrtype in QUERIES:
        query = dns.message.make_query(name, rrtype, use_edns=False)
        try:
            reply = dns.query.udp(query, "127.0.0.1", timeout=0.5, port=port)
        except (OSError, dns.exception.DNSException) as error:
            return f"{name} {rrtype}: {error!r}"
        want = (
            {f"{preference} {host}.example.com." for host, preference in PREFERENCES.items()}
            if rrtype == "MX"
            else set(HOSTS[name.split(".")[0]])
        )
        got = {
            rdata.to_text()
            for rrset in reply.answer
            if rrset.rdtype == dns.rdatatype.from_text(rrtype)
            for rdata in rrset
        }
        if reply.rcode() != dns.rcode.NOERROR or got != want:
            return f"{name} {rrtype}: {sorted(got)}"
    return ""
