"""A network namespace: addresses that are its own, and packets that can be dropped in it."""

import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from support.programs import require_namespaces, require_program

_NUMBERS = itertools.count(1)


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

    def drop(self, address: str) -> None:
        """Drop every packet to an address, without a word to the sender."""
        require_program("nft")
        family = "ip6" if ":" in address else "ip"
        rules = (
            "add table inet silent\n"
            "add chain inet silent input { type filter hook input priority 0; policy accept; }\n"
            f"add rule inet silent input {family} daddr {address} drop\n"
        )
        self.run("nft", "-f", "-", stdin=rules)

    def undrop(self) -> None:
        """Let all packets through again."""
        self.run("nft", "delete", "table", "inet", "silent")


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
