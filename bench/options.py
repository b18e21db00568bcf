"""What the command line of `python -m bench` decides, and the programs that it found or made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.servers.world import Server


@dataclass(frozen=True, slots=True)
class Options:
    """See `python -m bench --help`.

    `quick` makes sizes and times small: every part still runs, and its figures mean little.
    """

    dnsperf: str
    client: Path
    echo: Path
    smtp: Path
    rounds: int
    seconds: float
    clients: int
    outstanding: int
    rate: int
    flood: int
    executor: str
    quick: bool
    only: frozenset[str]

    def chosen(self, servers: Iterable[Server]) -> Sequence[Server]:
        """Return those of the servers that are wanted."""
        return [server for server in servers if not self.only or server.name in self.only]

    def size(self, whole: int, quick: int) -> int:
        """Return a number of things: `whole`, or `quick` where the run is to be quick."""
        return quick if self.quick else whole
