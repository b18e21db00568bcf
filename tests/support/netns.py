"""A network namespace: addresses that are its own, and packets that can be dropped in it."""

import ctypes
import itertools
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from support.programs import require_namespaces, require_program

_NUMBERS = itertools.count(1)
_CLONE_NEWNET = 0x40000000
# Said twice it changes nothing, but for the rules: the chain is emptied before.
_SILENT = """\
add table inet silent
add set inet silent four { type ipv4_addr; }
add set inet silent six { type ipv6_addr; }
add chain inet silent input { type filter hook input priority 0; policy accept; }
flush chain inet silent input
add rule inet silent input ip daddr @four drop
add rule inet silent input ip6 daddr @six drop
"""


class Namespace:
    """A namespace with a loopback interface that holds the test's addresses."""

    def __init__(self, name: str) -> None:
        self.name = name

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs `words` inside."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str, stdin: str | None = None) -> str:
        """Run a command inside and return its output; AssertionError where it fails."""
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, check=False, input=stdin
        )
        assert done.returncode == 0, f"{words}: {done.stderr}{done.stdout}"
        return done.stdout

    def add_addresses(self, addresses: Sequence[str]) -> None:
        """Give the loopback interface more addresses; usable at once."""
        for address in addresses:
            length, extra = ("128", ["nodad"]) if ":" in address else ("32", [])
            self.run("ip", "address", "add", f"{address}/{length}", "dev", "lo", *extra)

    def drop(self, *addresses: str) -> None:
        """Drop every packet to these addresses, without a word to the sender."""
        require_program("nft")
        self.run("nft", "-f", "-", stdin=_SILENT + _elements("add", addresses))

    def undrop(self, *addresses: str) -> None:
        """Let packets to these addresses through again; without any, all packets."""
        rules = _elements("delete", addresses) if addresses else "delete table inet silent\n"
        self.run("nft", "-f", "-", stdin=rules)

    def open_socket(
        self,
        family: socket.AddressFamily = socket.AF_INET,
        kind: socket.SocketKind = socket.SOCK_DGRAM,
    ) -> socket.socket:
        """Return a socket of the namespace, for use in this process."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._socket_inside, family, kind).result()

    def _socket_inside(
        self, family: socket.AddressFamily, kind: socket.SocketKind
    ) -> socket.socket:
        # A namespace belongs to a thread: this one ends, and its socket stays inside.
        with Path(f"/run/netns/{self.name}").open() as name:
            if ctypes.CDLL(None, use_errno=True).setns(name.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        return socket.socket(family, kind)


def _elements(verb: str, addresses: Sequence[str]) -> str:
    sets = {address: "six" if ":" in address else "four" for address in addresses}
    return "".join(f"{verb} element inet silent {of} {{ {one} }}\n" for one, of in sets.items())


@contextmanager
def namespace(*addresses: str) -> Iterator[Namespace]:
    """Make a namespace with these addresses; the test is skipped where that is not allowed."""
    require_namespaces()
    name = f"rrdns-{os.getpid()}-{next(_NUMBERS)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        made = Namespace(name)
        made.run("ip", "link", "set", "lo", "up")
        made.add_addresses(addresses)
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
