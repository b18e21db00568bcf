"""A flood over UDP that waits for no answer, and counts those that come.

dnsperf slows down where answers fail to come; whoever floods does not. It prints what it saw as
JSON; `bench` runs it beside a dnsperf that asks good queries.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

from bench.cores import load_cpu, pinned
from bench.messages import misses

_SOCKETS = 10
_TICK_SECONDS = 0.001
_DRAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Flood:
    """What a flood saw: queries sent, answers received, and for how long it sent."""

    sent: int
    answered: int
    seconds: float


def run(port: int, rate: int, seconds: float) -> Flood:
    """Send misses at a rate (queries per second) for some seconds; wait a little for the last."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(_SOCKETS)]
    for one in sockets:
        one.connect(("127.0.0.1", port))
        one.setblocking(False)
    packets = misses()
    sent = answered = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        due = int(elapsed * rate)
        while sent < due:
            # What finds a buffer full is lost, as on a wire.
            with contextlib.suppress(OSError):
                sockets[sent % _SOCKETS].send(packets[sent % len(packets)])
            sent += 1
        answered += _read(sockets)
        time.sleep(_TICK_SECONDS)
    took = time.monotonic() - began
    time.sleep(_DRAIN_SECONDS)
    answered += _read(sockets)
    for one in sockets:
        one.close()
    return Flood(sent, answered, took)


def _read(sockets: list[socket.socket]) -> int:
    count = 0
    for one in sockets:
        try:
            while True:
                one.recv(4096)
                count += 1
        except OSError:
            continue
    return count


class Flooding:
    """A flood in a process of its own on the load's core, until `result` is asked for."""

    def __init__(self, port: int, rate: int, seconds: float) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(
            [
                *(*pinned(load_cpu()), sys.executable, "-m", "bench.flood"),
                *(str(port), str(rate), str(seconds)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self) -> Flood:
        """Wait for its end and return what it saw; raises RuntimeError where it fails."""
        try:
            output, errors = self._process.communicate(timeout=self._seconds + 30)
        finally:
            self._process.kill()
        if self._process.returncode != 0:
            raise RuntimeError(f"the flood failed: {errors}")
        return Flood(**json.loads(output))


def main() -> None:
    """Run from the command line and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=int, help="queries per second")
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    flood = run(options.port, options.rate, options.seconds)
    json.dump(
        {"sent": flood.sent, "answered": flood.answered, "seconds": flood.seconds}, sys.stdout
    )


if __name__ == "__main__":
    main()
