"""A server under measurement: started, checked to give the right answers, loaded, stopped."""

import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from bench.accepting import accepting
from bench.cores import pinned, server_cpu
from bench.cpu import spent, usage
from bench.load import Answered
from bench.messages import message
from bench.servers.world import HOSTS, PREFERENCES, Job, Server

START_SECONDS = 300.0  # some take long for 100,000 zones
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS = 0.002
_PATIENCE_SECONDS = 20.0
_END_SECONDS = 10.0
_PORTS = range(10_000, 32_000)


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
    """A server that answers on a port of 127.0.0.1; its files are in `directory`.

    `start_seconds` went by from its start to its first answer.
    """

    name: str
    pid: int
    port: int
    directory: Path
    start_seconds: float

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
        before = usage(self.pid)
        answered = drive(self.port)
        taken = spent(before, usage(self.pid), _TICKS_PER_SECOND)
        wall = time.monotonic() - wall
        # Where only ticks are counted, each process of the server rounds to 10 ms.
        if not 0 < taken <= wall * (os.cpu_count() or 1) + 0.1:
            raise RuntimeError(f"{self.name}: {taken:.2f} s of CPU within {wall:.2f} s")
        return Round(answered, taken)


@contextmanager
def running(server: Server, program: str, job: Job, *cores: int | None) -> Iterator[Running]:
    """Run a server until it answers rightly, and end it afterwards; `cores` are where it runs."""
    command = [*pinned(*cores), *server.write(program, job)]
    log = job.directory / "output.txt"
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=job.directory, start_new_session=True
        )
    try:
        took = _wait_for_answers(server, process, job, began, log)
        yield Running(server.name, process.pid, job.port, job.directory, took)
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a server that leads its session, and what it leaves behind."""
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def started(servers: Iterable[Server], job: Job | None = None) -> Iterator[list[Running]]:
    """Start those of the servers that are installed, each in a directory of its own.

    `job` says what they are to do, but for directory and ports; all share the servers' core.
    """
    given = job or Job(Path(), 0)
    with ExitStack() as stack:
        top = stack.enter_context(workplace())
        given = replace(given, accepting=stack.enter_context(accepting()))
        up = []
        for number, server in enumerate(servers):
            program = server.find()
            if program is not None:
                directory = top / str(number)
                directory.mkdir()
                own = replace(given, directory=directory, port=free_port())
                up.append(stack.enter_context(running(server, program, own, server_cpu())))
        yield up


@contextmanager
def workplace() -> Iterator[Path]:
    """Make a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rrdns-bench-") as directory:
        yield Path(directory)


def free_port() -> int:
    """Return a port that is free for UDP and TCP, and that no client is given by chance.

    Linux gives clients the ports from 32768 on.
    """
    while True:
        port = random.choice(_PORTS)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as one:
                    one.bind(("0.0.0.0", port))
        except OSError:
            continue
        return port


def _wait_for_answers(
    server: Server, process: subprocess.Popen[bytes], job: Job, began: float, log: Path
) -> float:
    """Wait until the answers are right; return when the first came, in seconds after `began`."""
    wrong = "no answer"
    took = _first_answer(process, job, began)
    if took is not None and not server.answers:
        return took
    end = time.monotonic() + _PATIENCE_SECONDS
    while took is not None and time.monotonic() < end and process.poll() is None:
        wrong = _wrong_answers(job)
        if not wrong:
            return took
        time.sleep(0.1)
    raise RuntimeError(f"{server.name} does not answer ({wrong}): {log.read_text()[-2000:]}")


def _first_answer(process: subprocess.Popen[bytes], job: Job, began: float) -> float | None:
    """Ask for the last domain until it is answered; None where that takes too long."""
    query = message(1, job.domains[-1], "MX")
    while time.monotonic() - began < START_SECONDS and process.poll() is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.1)
            asking.connect(("127.0.0.1", job.port))
            try:
                asking.send(query)
                reply = asking.recv(4096)
            except OSError:
                time.sleep(_LOOK_SECONDS)
                continue
        if len(reply) > len(query) and not reply[3] & 15:
            return time.monotonic() - began
        time.sleep(_LOOK_SECONDS)
    return None


def _wrong_answers(job: Job) -> str:
    """Return what is wrong with the answers to the queries; empty where all are right."""
    names = [*((f"{host}.example.com", "A") for host in HOSTS), (job.domains[0], "MX")]
    for name, rrtype in names:
        query = dns.message.make_query(name, rrtype, use_edns=False)
        try:
            reply = dns.query.udp(query, "127.0.0.1", timeout=0.5, port=job.port)
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
