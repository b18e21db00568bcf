"""SMTP servers for probes, each a process of its own (`programs/smtp.c`)."""

import signal
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ANY_ADDRESS = "0.0.0.0"
_RECORD = struct.Struct("=QI")


@dataclass(slots=True)
class Peer:
    """An SMTP server that listens; `log` is its file of connections, where it keeps one."""

    process: "subprocess.Popen[bytes]"
    log: Path | None

    def refuse(self) -> None:
        """Greet with 421 from now on."""
        self.process.send_signal(signal.SIGUSR1)

    def accept(self) -> None:
        """Greet as if all were well again."""
        self.process.send_signal(signal.SIGUSR2)

    def freeze(self) -> None:
        """Stop the process: the kernel still takes connections for it."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the process go on."""
        self.process.send_signal(signal.SIGCONT)

    def connections(self) -> list[tuple[float, int]]:
        """Return when connections came (monotonic seconds) and to which address (a number)."""
        return [] if self.log is None else read_log(self.log.read_bytes())


def read_log(data: bytes) -> list[tuple[float, int]]:
    """Return the connections in a log: monotonic seconds, address as a number."""
    whole = len(data) - len(data) % _RECORD.size
    return [(at / 1e9, address) for at, address in _RECORD.iter_unpack(data[:whole])]


@contextmanager
def serving(
    program: Path, port: int, address: str = ANY_ADDRESS, log: Path | None = None
) -> Iterator[Peer]:
    """Run an SMTP server; raises RuntimeError where it cannot listen."""
    peer = start(program, port, address, log)
    try:
        yield peer
    finally:
        stop(peer)


def start(program: Path, port: int, address: str = ANY_ADDRESS, log: Path | None = None) -> Peer:
    """Start an SMTP server and wait until it listens; it ends with this process at the latest."""
    words = [str(program), str(port), address] + ([] if log is None else [str(log)])
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    if process.stdout.readline() != b"listening\n":
        process.wait()
        raise RuntimeError(f"no SMTP server on {address}:{port}")
    return Peer(process, log)


def stop(peer: Peer) -> None:
    """End an SMTP server, also a stopped one."""
    peer.process.kill()
    peer.process.wait()
    for pipe in (peer.process.stdin, peer.process.stdout):
        if pipe is not None:
            pipe.close()
