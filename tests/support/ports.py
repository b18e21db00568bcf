"""Ports that are free when asked for."""

import socket


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that is free for both UDP and TCP on an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        with (
            socket.socket(family, socket.SOCK_STREAM) as tcp,
            socket.socket(family, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((address, 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind((address, port))
            except OSError:
                continue
            return port
