"""Ports that are free when asked for, and stay so until they are used.

They are below those that the kernel gives to clients, and each of several test processes that run
side by side takes them from a range of its own.
"""

import os
import random
import socket

_FIRST, _END = 12_000, 32_000
_RANGES = 10


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that is free for both UDP and TCP on an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    size = (_END - _FIRST) // _RANGES
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST + worker % _RANGES * size
    while True:
        port = random.randrange(first, first + size)
        with (
            socket.socket(family, socket.SOCK_STREAM) as tcp,
            socket.socket(family, socket.SOCK_DGRAM) as udp,
        ):
            try:
                tcp.bind((address, port))
                udp.bind((address, port))
            except OSError:
                continue
            return port
