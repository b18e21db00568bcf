"""A farm of small SMTP servers, a process each: one can be killed, stopped, or turn mail away.

`python farm.py PLACE...` is the farm itself; `Farm` drives it.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1


class Farm:
    """SMTP servers by their places, each a process of its own.

    A place is written ADDRESS:PORT, several for one process with commas.
    """

    def __init__(self, places: Sequence[str], prefix: Sequence[str]) -> None:
        self.pids: dict[str, int] = {}
        self.process = subprocess.Popen(
            [*prefix, sys.executable, str(Path(__file__)), *places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        try:
            for _ in places:
                self._learn()
        except BaseException:
            self.close()
            raise

    def _learn(self) -> None:
        assert self.process.stdout is not None
        place, pid = self.process.stdout.readline().split()
        self.pids[place] = int(pid)

    def send(self, place: str, number: signal.Signals) -> None:
        """Send a signal to one: SIGKILL, SIGSTOP, SIGCONT; SIGUSR1 makes it busy, SIGUSR2 not."""
        os.kill(self.pids[place], number)

    def start_again(self, place: str) -> None:
        """Put another in the place of one that was killed; returns once it listens."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{place}\n")
        self._learn()

    def close(self) -> None:
        """End all: none of them outlives the farm."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def farm(places: Sequence[str], prefix: Sequence[str] = ()) -> Iterator[Farm]:
    """Run SMTP servers on all places while the block runs."""
    made = Farm(places, prefix)
    try:
        yield made
    finally:
        made.close()


# --- the program --------------------------------------------------------------------------------


class _Busy(asyncio.Protocol):
    """Turns every client away."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 node.test Service not available\r\n")
        transport.close()


async def _serve(place: str) -> None:
    from aiosmtpd.handlers import Sink
    from aiosmtpd.smtp import SMTP

    loop = asyncio.get_running_loop()
    busy = False

    def be(now: bool) -> None:
        nonlocal busy
        busy = now

    def protocol() -> asyncio.BaseProtocol:
        return _Busy() if busy else SMTP(Sink(), hostname="node.test", loop=loop)

    loop.add_signal_handler(signal.SIGUSR1, be, True)
    loop.add_signal_handler(signal.SIGUSR2, be, False)
    for one in place.split(","):
        address, port = one.rsplit(":", 1)
        await loop.create_server(protocol, address, int(port))
    # One write: the others share the pipe.
    os.write(sys.stdout.fileno(), f"{place} {os.getpid()}\n".encode())
    await loop.create_future()


def _fork(place: str) -> None:
    farm = os.getpid()
    if os.fork() == 0:
        # Whatever becomes of the test, nobody outlives the farm.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == farm:
            asyncio.run(_serve(place))
        os._exit(0)


def main(places: list[str]) -> None:
    """Serve until killed; a line with a place on standard input starts it again."""
    # Imported once, before the processes part.
    import aiosmtpd.smtp  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    for place in places:
        _fork(place)
    for line in sys.stdin:
        _fork(line.strip())


if __name__ == "__main__":
    main(sys.argv[1:])
