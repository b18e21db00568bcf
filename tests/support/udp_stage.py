"""UDP loops on loopback, and sockets to ask them with."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rrdns.names import from_text
from rrdns.server.sockets import bind_all
from rrdns.server.udp import UdpLoop
from rrdns.settings import Endpoint, Limits
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import Table
from support.tables import configure

CONFIG = configure()
SNAPSHOT = make_snapshot(CONFIG, {})
TABLE = compile_table(SNAPSHOT, 1)
MX1 = from_text("mx1.example.com.")
DEADLINE_SECONDS = 60.0

MakeLoop = Callable[..., tuple[UdpLoop, int]]


@contextmanager
def loops() -> Iterator[MakeLoop]:
    """Give what makes loops on free ports, not yet started; they are stopped in the end."""
    with ExitStack() as stack:

        def make(
            address: str = "127.0.0.1",
            port: int = 0,
            limits: Limits | None = None,
            table: Table = TABLE,
        ) -> tuple[UdpLoop, int]:
            (pair,) = bind_all([Endpoint(address, port)])
            stack.callback(pair.close)
            loop = UdpLoop(
                pair.udp[0], pair.family, table, wildcard=pair.wildcard, limits=limits or Limits()
            )
            stack.callback(loop.stop)
            return loop, pair.endpoint.port

        yield make


def client(port: int, address: str = "127.0.0.1") -> socket.socket:
    """Return a connected socket: it takes replies from nobody but the address that it asks."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    made.settimeout(DEADLINE_SECONDS)
    made.connect((address, port))
    return made
