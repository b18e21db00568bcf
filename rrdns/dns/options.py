"""The EDNS options of a reply: NSID, server cookie, keepalive, extended error (RFC 6891, 6.1.2)."""

import struct
from dataclasses import dataclass
from enum import StrEnum

from rrdns.dns import cookie
from rrdns.dns.query import OPTION_COOKIE, OPTION_KEEPALIVE, OPTION_NSID, Edns
from rrdns.model import Snapshot

EDE_NOT_AUTHORITATIVE = 20

_OPTION_EDE = 15
_KEEPALIVE_UNITS_PER_SECOND = 10
_COOKIE_CLOCK_SECONDS = 60


class Transport(StrEnum):
    """What a query came over; only UDP limits the size of its reply."""

    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks and when: `client` is the packed address, `unix_now` in seconds."""

    transport: Transport
    client: bytes = b"\0\0\0\0"
    unix_now: int = 0

    @property
    def is_ipv6(self) -> bool:
        """Whether the client asks over IPv6."""
        return len(self.client) == 16


def cookie_time(unix_now: float) -> int:
    """Return the time to put into cookies: of the minute, so that its cookies can be kept."""
    whole = int(unix_now)
    return whole - whole % _COOKIE_CLOCK_SECONDS


def reply_options(edns: Edns, snapshot: Snapshot, asker: Asker, ede: int | None = None) -> bytes:
    """Return the options for a reply, in the order of their codes.

    NSID only when it was asked for and is configured (RFC 5001), a cookie when one came (RFC 9018),
    keepalive when it was asked for over TCP (RFC 7828), an extended error where there is one
    (RFC 8914). Of a version that we do not know nothing is understood.
    """
    if edns.version:
        return b""
    given = edns.first_options
    options = b""
    if OPTION_NSID in given and snapshot.identity is not None:
        options += _option(OPTION_NSID, snapshot.identity)
    if edns.cookie is not None and snapshot.cookie_secrets:
        options += _option(
            OPTION_COOKIE,
            cookie.reply_option(edns.cookie, asker.client, asker.unix_now, snapshot.cookie_secrets),
        )
    if OPTION_KEEPALIVE in given and asker.transport is Transport.TCP:
        timeout = round(snapshot.tcp_idle_timeout_seconds * _KEEPALIVE_UNITS_PER_SECOND)
        options += _option(OPTION_KEEPALIVE, min(timeout, 0xFFFF).to_bytes(2, "big"))
    return options if ede is None else options + extended_error(ede)


def extended_error(code: int) -> bytes:
    """Return the option that tells an extended error, the last one in a reply (RFC 8914)."""
    return _option(_OPTION_EDE, code.to_bytes(2, "big"))


def _option(code: int, data: bytes) -> bytes:
    return struct.pack("!2H", code, len(data)) + data
