"""Sockets that systemd holds and passes (sd_listen_fds(3)): they outlive a restart of the server.

What comes while no server runs waits in them, so that a restart loses no query.
"""

import os
import socket
from collections.abc import MutableMapping, Sequence

from rrdns.errors import StartError
from rrdns.server.sockets import Bound, bind_all, prepare_held
from rrdns.settings import Endpoint
from rrdns.targets import Family

_FIRST_DESCRIPTOR = 3
_KINDS = {socket.SOCK_DGRAM: "udp", socket.SOCK_STREAM: "tcp"}
_ADVICE = "make systemd/rrdns.socket and server.listen name the same addresses"


def open_sockets(endpoints: Sequence[Endpoint], udp_sockets: int) -> list[Bound]:
    """Return the sockets of the endpoints: those that systemd passed, else newly bound ones.

    Raises StartError.
    """
    passed = passed_sockets()
    if passed:
        return match_sockets(endpoints, passed, udp_sockets)
    return bind_all(endpoints, udp_sockets)


def passed_sockets(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """Return the sockets that systemd passed to this process, none without systemd.

    The variables that tell of them are taken out: they are not for processes that we start.
    """
    process, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count.isdecimal():
        return []
    found = []
    for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count)):
        os.set_inheritable(descriptor, False)
        try:
            found.append(socket.socket(fileno=descriptor))
        except OSError as error:
            raise StartError(
                f"descriptor {descriptor}, passed by systemd, is no socket: {error.strerror}"
            ) from error
    return found


def match_sockets(
    endpoints: Sequence[Endpoint], passed: Sequence[socket.socket], udp_sockets: int = 1
) -> list[Bound]:
    """Return the passed sockets as those of the configured endpoints.

    All loops of an endpoint share its one UDP socket. A default endpoint may be missing; any other
    that is missing, or one that is too many, raises StartError.
    """
    places = {_place(sock): sock for sock in passed}
    bound = []
    for endpoint in endpoints:
        pair = [places.pop((kind, str(endpoint)), None) for kind in ("udp", "tcp")]
        udp, tcp = pair
        if udp is None or tcp is None:
            if endpoint.default and udp is tcp:
                continue
            missing = " and ".join(
                kind for kind, found in zip(("udp", "tcp"), pair, strict=True) if found is None
            )
            raise StartError(f"systemd passed no {missing} socket for {endpoint}: {_ADVICE}")
        family = Family.IPV6 if ":" in endpoint.address else Family.IPV4
        wildcard = endpoint.address in ("0.0.0.0", "::")  # noqa: S104
        prepare_held(udp, tcp, family, wildcard=wildcard)
        bound.append(Bound(endpoint, family, wildcard, (udp,) * udp_sockets, tcp, held=True))
    if places:
        shown = ", ".join(f"{kind} {place}" for kind, place in places)
        raise StartError(f"systemd passed sockets that server.listen has not ({shown}): {_ADVICE}")
    return bound


def _place(sock: socket.socket) -> tuple[str, str]:
    """Return udp or tcp, and the address as `Endpoint` writes it."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type not in _KINDS:
        raise StartError(f"systemd passed a socket that DNS is not served on: {sock}: {_ADVICE}")
    address, port = sock.getsockname()[:2]
    endpoint = Endpoint(address, port)
    if sock.family == socket.AF_INET6 and not sock.getsockopt(
        socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
    ):
        raise StartError(
            f"the socket that systemd passed for {endpoint} takes IPv4 too: set"
            " BindIPv6Only=ipv6-only in rrdns.socket"
        )
    return _KINDS[sock.type], str(endpoint)
