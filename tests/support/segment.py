"""Machines on one Ethernet segment, each a network namespace with addresses of its own."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from support.netns import Namespace, namespace
from support.programs import missing

# The least that IPv6 asks of a link: a reply that would need fragments on it shows.
MTU_BYTES = 1280
_NUMBERS = itertools.count(1)


@contextmanager
def segment(machines: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Namespace]]:
    """Join machines (name: addresses with their prefix lengths) by a bridge; all go in the end."""
    with ExitStack() as stack:
        bridge = stack.enter_context(namespace())
        # Without an IPv6 router snooping would hold back neighbour solicitations.
        try:
            _ip(bridge, "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
        except AssertionError as error:
            missing(f"this kernel has no bridges: {error}")
        # Namespaces live on while a socket of a killed program lingers; their links need not.
        stack.callback(_ip, bridge, "link", "delete", "bridge")
        _ip(bridge, "link", "set", "bridge", "up")
        joined = {}
        for name, addresses in machines.items():
            machine = joined[name] = stack.enter_context(namespace())
            port, size = f"port{next(_NUMBERS)}", ["mtu", str(MTU_BYTES)]
            peer = ["peer", "name", "wire", *size, "netns", machine.name]
            _ip(bridge, "link", "add", port, *size, "type", "veth", *peer)
            _ip(bridge, "link", "set", port, "master", "bridge", "up")
            _ip(machine, "link", "set", "wire", "up")
            for address in addresses:
                usable_at_once = ["nodad"] if ":" in address else []
                _ip(machine, "address", "add", address, "dev", "wire", *usable_at_once)
        yield joined


def _ip(inside: Namespace, *words: str) -> None:
    inside.run("ip", *words)
