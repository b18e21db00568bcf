"""Binding the sockets that DNS is served on.

An endpoint has one UDP socket for each of its loops, among which the kernel spreads the clients
(SO_REUSEPORT). TCP is bound first and without it: that is what tells a second server on the same
port from a second socket of this one.
"""

import contextlib
import errno
import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from rrdns.errors import StartError
from rrdns.settings import Endpoint
from rrdns.targets import Family

_log = logging.getLogger("rrdns.server")

_BUFFER_OCTETS = 4 * 1024 * 1024
_BACKLOG = 511
_PORT_ATTEMPTS = 20
# Linux's numbers; Python's socket module does not have them all.
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_IP_PKTINFO = 8
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_OMIT = 5
_IPV6_MTU_DISCOVER = 23
_IPV6_RECVPKTINFO = 49
_ABSENT_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


@dataclass(frozen=True, slots=True)
class Bound:
    """The sockets of one endpoint; `wildcard`: bound to all addresses of the family.

    `held`: somebody else keeps them open, and serves them when we are gone.
    """

    endpoint: Endpoint
    family: Family
    wildcard: bool
    udp: tuple[socket.socket, ...]
    tcp: socket.socket
    held: bool = False

    def close(self) -> None:
        """Close all sockets."""
        for sock in (*self.udp, self.tcp):
            sock.close()


def bind_all(endpoints: Sequence[Endpoint], udp_sockets: int = 1) -> list[Bound]:
    """Bind TCP and so many UDP sockets on each endpoint; port 0 takes a free one, the same for all.

    A default endpoint of a family that this machine lacks is left out with a warning. Raises
    StartError with one line that tells what to do; nothing stays bound then.
    """
    bound: list[Bound] = []
    with contextlib.ExitStack() as undo:
        for endpoint in endpoints:
            try:
                pair = _bind_some_port(endpoint, udp_sockets)
            except OSError as error:
                if endpoint.default and error.errno in _ABSENT_FAMILY:
                    _log.warning("listen=%s left out: %s", endpoint, error.strerror)
                    continue
                raise StartError(_advice(endpoint, error)) from error
            undo.callback(pair.close)
            bound.append(pair)
        if not bound:
            raise StartError("no address to listen on: set server.listen")
        undo.pop_all()
    return bound


def _bind_some_port(endpoint: Endpoint, udp_sockets: int) -> Bound:
    attempts_left = 1 if endpoint.port else _PORT_ATTEMPTS
    while True:
        attempts_left -= 1
        try:
            return _bind(endpoint, udp_sockets)
        except OSError as error:
            # A port that is free for TCP may be taken for UDP.
            if error.errno != errno.EADDRINUSE or not attempts_left:
                raise


def _bind(endpoint: Endpoint, udp_sockets: int) -> Bound:
    family = Family.IPV6 if ":" in endpoint.address else Family.IPV4
    with contextlib.ExitStack() as undo:
        tcp = undo.enter_context(_socket(family, socket.SOCK_STREAM))
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((endpoint.address, endpoint.port))
        tcp.listen(_BACKLOG)
        port = tcp.getsockname()[1]
        wildcard = endpoint.address in ("0.0.0.0", "::")  # noqa: S104
        all_udp = []
        for _ in range(udp_sockets):
            udp = undo.enter_context(_socket(family, socket.SOCK_DGRAM))
            _prepare_udp(udp, family, wildcard=wildcard)
            if udp_sockets > 1:
                udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            udp.bind((endpoint.address, port))
            all_udp.append(udp)
        undo.pop_all()
    return Bound(Endpoint(endpoint.address, port), family, wildcard, tuple(all_udp), tcp)


def _socket(family: Family, kind: int) -> socket.socket:
    made = socket.socket(
        socket.AF_INET6 if family is Family.IPV6 else socket.AF_INET,
        kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
    )
    if family is Family.IPV6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


def _prepare_udp(udp: socket.socket, family: Family, *, wildcard: bool) -> None:
    for forced, asked in (
        (_SO_RCVBUFFORCE, socket.SO_RCVBUF),
        (_SO_SNDBUFFORCE, socket.SO_SNDBUF),  # a batch of replies leaves at once
    ):
        try:
            udp.setsockopt(socket.SOL_SOCKET, forced, _BUFFER_OCTETS)
        except OSError:
            # Without CAP_NET_ADMIN: as much as net.core.rmem_max and wmem_max let.
            udp.setsockopt(socket.SOL_SOCKET, asked, _BUFFER_OCTETS)
    _ask_for_information(udp, family, wildcard=wildcard)


def prepare_held(udp: socket.socket, tcp: socket.socket, family: Family, *, wildcard: bool) -> None:
    """Make sockets ready that somebody else has bound, and given the buffers that they have."""
    udp.setblocking(False)
    tcp.setblocking(False)
    _ask_for_information(udp, family, wildcard=wildcard)


def _ask_for_information(udp: socket.socket, family: Family, *, wildcard: bool) -> None:
    if family is Family.IPV6:
        # Replies fit the minimum MTU; a forged "packet too big" must not change how we send.
        udp.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _IP_PMTUDISC_OMIT)
        if wildcard:
            udp.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        return
    udp.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_OMIT)
    if wildcard:
        udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _advice(endpoint: Endpoint, error: OSError) -> str:
    place = f"cannot listen on {endpoint}"
    if error.errno == errno.EADDRINUSE:
        if endpoint.port == 53:
            return (
                f"{place}: the port is in use by another server (often systemd-resolved: set"
                " DNSStubListener=no in /etc/systemd/resolved.conf, or list this machine's own"
                " addresses in server.listen)"
            )
        return (
            f"{place}: the port is in use by another server; stop that one, or choose another"
            " address or port in server.listen"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{place}: ports below 1024 need CAP_NET_BIND_SERVICE"
            f" (uid {os.getuid()} has it not): start by systemd or choose another port"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{place}: no interface of this machine has that address; see server.listen"
    return f"{place}: {error.strerror}; see server.listen"
