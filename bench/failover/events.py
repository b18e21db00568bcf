"""What happens to nodes: each kind of failure has a host of three nodes, of which one fails.

Every server has nodes of its own, so that all can be watched at once and none waits for another.
"""

import enum
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import smtp
from bench.smtp import Peer

PORT = 25
_TABLE = "bench_failover"


class Kind(enum.Enum):
    """A failure; the value is the first label of the host whose node it befalls."""

    DEATH = "death"
    REFUSAL = "refusal"
    SILENCE = "silence"
    STOP = "stop"


WORDS = {
    Kind.DEATH: "process dies (connections are refused)",
    Kind.REFUSAL: "greets with 421",
    Kind.SILENCE: "host is silent (packets are dropped)",
    Kind.STOP: "process is stopped (connects, then silence)",
}


def addresses(server: int) -> dict[Kind, tuple[str, ...]]:
    """Return the addresses of each host for the server with a number; the first one fails."""
    return {
        kind: (f"127.{10 + server}.{number}.1", *(f"127.{10 + server}.0.{n}" for n in (2, 3)))
        for number, kind in enumerate(Kind, 1)
    }


@dataclass(slots=True)
class Victim:
    """A node that can be made to fail and to return."""

    kind: Kind
    program: Path
    address: str
    peer: Peer

    def fail(self) -> None:
        """Let the node fail in its way."""
        match self.kind:
            case Kind.DEATH:
                smtp.stop(self.peer)
            case Kind.REFUSAL:
                self.peer.refuse()
            case Kind.SILENCE:
                _nft(f"add element inet {_TABLE} dropped {{ {self.address} }}")
            case Kind.STOP:
                self.peer.freeze()

    def recover(self) -> None:
        """Let it be as if nothing had happened."""
        match self.kind:
            case Kind.DEATH:
                self.peer = smtp.start(self.program, PORT, self.address)
            case Kind.REFUSAL:
                self.peer.accept()
            case Kind.SILENCE:
                _nft(f"delete element inet {_TABLE} dropped {{ {self.address} }}")
            case Kind.STOP:
                self.peer.thaw()


@contextmanager
def victims(program: Path, hosts: Mapping[Kind, tuple[str, ...]]) -> Iterator[dict[Kind, Victim]]:
    """Run the SMTP servers of one DNS server's hosts; return those that can fail."""
    healthy = [
        smtp.start(program, PORT, address)
        for address in {address for own in hosts.values() for address in own[1:]}
    ]
    found = {
        kind: Victim(kind, program, own[0], smtp.start(program, PORT, own[0]))
        for kind, own in hosts.items()
    }
    try:
        yield found
    finally:
        for peer in (*healthy, *(victim.peer for victim in found.values())):
            smtp.stop(peer)


def prepare_namespace() -> None:
    """Turn loopback on, and make the rule that drops packets to silent hosts.

    Changes the network namespace that this process is in: it must be its own.
    """
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    _nft(
        f"add table inet {_TABLE}\n"
        f"add set inet {_TABLE} dropped {{ type ipv4_addr; }}\n"
        f"add chain inet {_TABLE} input {{ type filter hook input priority 0; policy accept; }}\n"
        f"add rule inet {_TABLE} input ip daddr @dropped drop\n"
    )


def _nft(rules: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
