"""Our own load over UDP: it asks many queries in one system call (`programs/client.c`).

dnsperf writes each query by itself, and can ask about as many a second as the slower of the servers
answer. This one keeps a server's core busy, and sees how long each answer took.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cores import load_cpu, pinned
from bench.load import Answered
from bench.messages import framed, message

RCODES = {"NOERROR": 0, "NXDOMAIN": 3, "REFUSED": 5}


@dataclass(frozen=True, slots=True)
class Stream:
    """How the client drives a server: `window` queries under way at most, from `sockets` sockets.

    `rate` is queries per second, asked whether answers come or not; None: a closed loop. `blocking`
    sleeps where no answer has come; without it the client takes all of its core.
    """

    seconds: float
    sockets: int = 10
    window: int = 500
    rate: float | None = None
    expected: str = "NOERROR"
    blocking: bool = False

    def command(self, program: Path, messages: Path, port: int) -> list[str]:
        """Return the command line against 127.0.0.1 and a port."""
        return [
            *(str(program), str(port), str(messages), f"{self.seconds:g}", str(self.sockets)),
            *(str(self.window), f"{self.rate or 0:.1f}", str(RCODES[self.expected])),
            str(int(self.blocking)),
        ]


def write_messages(
    directory: Path, queries: Sequence[tuple[str, str]], file: str = "messages"
) -> Path:
    """Write a list of names and types as messages in dnsperf's binary form; return its path."""
    path = directory / file
    path.write_bytes(b"".join(framed(message(0, name, rrtype)) for name, rrtype in queries))
    return path


def read_report(output: str) -> Answered:
    """Read what the client printed."""
    seen = json.loads(output)
    return Answered(
        sent=seen["sent"],
        completed=seen["answered"],
        lost=seen["sent"] - seen["answered"],
        good=seen["good"],
        seconds=seen["seconds"],
        latency_seconds=seen["mean"],
        p50_seconds=seen["p50"],
        p99_seconds=seen["p99"],
        load_cpu_seconds=seen["cpu_seconds"],
    )


def drive(stream: Stream, program: Path, messages: Path, port: int) -> Answered:
    """Run the client on the load's core; raises RuntimeError where it fails."""
    return drive_from([load_cpu()], stream, program, messages, port)


def drive_from(
    cores: Sequence[int | None], stream: Stream, program: Path, messages: Path, port: int
) -> Answered:
    """Run a client on each of these cores, and return what they saw together.

    Latencies are the highest of any client's. Raises RuntimeError where one fails.
    """
    command = stream.command(program, messages, port)
    clients = [
        subprocess.Popen(
            [*pinned(core), *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for core in cores
    ]
    seen = []
    for one in clients:
        try:
            output, errors = one.communicate(timeout=stream.seconds + 30)
        finally:
            one.kill()
        if one.returncode != 0:
            raise RuntimeError(f"the client failed: {errors}")
        seen.append(read_report(output))
    return together(seen)


def together(seen: Sequence[Answered]) -> Answered:
    """Return what several clients saw at the same time as if it were one."""
    return Answered(
        sent=sum(one.sent for one in seen),
        completed=sum(one.completed for one in seen),
        lost=sum(one.lost for one in seen),
        good=sum(one.good for one in seen),
        seconds=max(one.seconds for one in seen),
        latency_seconds=max(one.latency_seconds for one in seen),
        p50_seconds=max(one.p50_seconds for one in seen),
        p99_seconds=max(one.p99_seconds for one in seen),
        load_cpu_seconds=sum(one.load_cpu_seconds for one in seen),
    )
