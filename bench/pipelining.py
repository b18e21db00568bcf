"""A TCP client that pipelines (RFC 7766, section 6.2.1.1): many queries in one write.

dnsperf writes each query by itself, so that over TCP it measures system calls, its own first of
all. This one keeps a number of queries under way on each connection: as many answers as one read
brings, as many queries go out in one write. It prints what it saw as JSON; `bench` runs it on a
core of its own.
"""

import argparse
import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path

from bench.cores import load_cpu, pinned
from bench.load import Answered
from bench.messages import framed, message, read_queries

_RECEIVE_OCTETS = 256 * 1024
_STALL_SECONDS = 5.0
NOERROR = 0


class Connection:
    """One connection that asks `queries` in a circle, and counts the answers by RCODE.

    All queries are asked at first, so that their number is how many are under way.
    """

    def __init__(self, port: int, queries: Sequence[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_STALL_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.codes: Counter[int] = Counter()
        self.sent = 0
        self.missing = 0
        self._depth = len(queries)
        self._rest = b""
        # Twice, so that any run of up to `depth` queries is one slice.
        circle = [framed(query) for query in queries] * 2
        self._circle = b"".join(circle)
        self._starts = list(accumulate(map(len, circle), initial=0))

    def ask(self, count: int) -> None:
        """Send the next `count` queries, at most all, in one write."""
        first = self.sent % self._depth
        self.socket.sendall(self._circle[self._starts[first] : self._starts[first + count]])
        self.sent += count
        self.missing += count

    def read(self) -> int:
        """Read what has come, and return how many answers that completed."""
        received = self.socket.recv(_RECEIVE_OCTETS)
        if not received:
            raise ConnectionError("the server closed the connection")
        data = self._rest + received
        at = count = 0
        while at + 2 <= len(data):
            after = at + 2 + (data[at] << 8 | data[at + 1])
            if after > len(data):
                break
            self.codes[data[at + 5] & 15] += 1
            count += 1
            at = after
        self._rest = data[at:]
        self.missing -= count
        return count


def run(port: int, queries: Sequence[bytes], connections: int, seconds: float) -> dict[str, object]:
    """Ask for some seconds, wait for the last answers, and return what came.

    Raises TimeoutError where no answer comes for seconds, ConnectionError where the server ends
    a connection.
    """
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        peers = [Connection(port, queries) for _ in range(connections)]
        for peer in peers:
            stack.enter_context(peer.socket)
            selector.register(peer.socket, selectors.EVENT_READ, peer)
        began = time.monotonic()
        for peer in peers:
            peer.ask(len(queries))
        while any(peer.missing for peer in peers):
            ready = selector.select(_STALL_SECONDS)
            if not ready:
                raise TimeoutError(f"no answer for {_STALL_SECONDS:g} s")
            goes_on = time.monotonic() - began < seconds
            for key, _ in ready:
                answered = key.data.read()
                if goes_on and answered:
                    key.data.ask(answered)
        took = time.monotonic() - began
    codes: Counter[int] = Counter()
    for peer in peers:
        codes.update(peer.codes)
    return {"sent": sum(peer.sent for peer in peers), "codes": codes, "seconds": took}


def drive(queries: Path, connections: int, depth: int, seconds: float, port: int) -> Answered:
    """Run this program on the load's core; raises RuntimeError where it fails."""
    command = [
        *(*pinned(load_cpu()), sys.executable, "-m", "bench.pipelining", str(port), str(queries)),
        *("--connections", str(connections), "--depth", str(depth), "--seconds", str(seconds)),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 30, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"the pipelining client failed: {done.stderr}")
    seen = json.loads(done.stdout)
    completed = sum(seen["codes"].values())
    return Answered(
        sent=seen["sent"],
        completed=completed,
        lost=seen["sent"] - completed,
        good=seen["codes"].get(str(NOERROR), 0),
        seconds=seen["seconds"],
    )


def main() -> None:
    """Run from the command line and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.pipelining", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("queries", type=Path, help="a name and a type a line")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--depth", type=int, default=100, help="queries under way on each")
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    asked = read_queries(options.queries)
    queries = [message(ident, *asked[ident % len(asked)]) for ident in range(options.depth)]
    json.dump(run(options.port, queries, options.connections, options.seconds), sys.stdout)


if __name__ == "__main__":
    main()
