"""Server cookies that other servers with the same secret make and accept (RFC 7873, RFC 9018)."""

import struct
from collections.abc import Sequence

CLIENT_OCTETS = 8
SECRET_OCTETS = 16
_SERVER_OCTETS = 16
_MAX_AGE_SECONDS = 3600
_RENEWAL_SECONDS = 1800
_MAX_AHEAD_SECONDS = 300
_MASK = 0xFFFFFFFFFFFFFFFF


def server_cookie(client_cookie: bytes, client: bytes, unix_now: int, secret: bytes) -> bytes:
    """Return the 16 octets of a server cookie (RFC 9018, section 4).

    `client_cookie` has 8 octets, `client` is the packed address (4 or 16), `secret` 16 octets.
    """
    head = struct.pack("!II", 0x01000000, unix_now & 0xFFFFFFFF)
    return head + siphash24(secret, client_cookie + head + client)


def is_valid(cookie: bytes, client: bytes, unix_now: int, secrets: Sequence[bytes]) -> bool:
    """Tell whether a client's whole COOKIE option was made with one of our secrets.

    It may be one hour old and five minutes from the future (RFC 9018, section 4.3).
    """
    server = cookie[CLIENT_OCTETS:]
    if len(server) != _SERVER_OCTETS or server[0] != 1:
        return False
    if not -_MAX_AHEAD_SECONDS <= _age_seconds(server, unix_now) <= _MAX_AGE_SECONDS:
        return False
    signed = cookie[:CLIENT_OCTETS] + server[:8] + client
    return any(siphash24(secret, signed) == server[8:] for secret in secrets)


def reply_option(cookie: bytes, client: bytes, unix_now: int, secrets: Sequence[bytes]) -> bytes:
    """Return the COOKIE option's data for the reply to a client's COOKIE option.

    A valid cookie of less than half an hour, made with the secret that signs, comes back as it
    is; else it is a new one (RFC 9018, section 4.3).
    """
    fresh = _age_seconds(cookie[CLIENT_OCTETS:].ljust(8, b"\0"), unix_now) <= _RENEWAL_SECONDS
    if fresh and is_valid(cookie, client, unix_now, secrets[:1]):
        return cookie
    client_cookie = cookie[:CLIENT_OCTETS]
    return client_cookie + server_cookie(client_cookie, client, unix_now, secrets[0])


def _age_seconds(server: bytes, unix_now: int) -> int:
    # Serial number arithmetic (RFC 1982): the timestamp is unsigned and wraps in 2106.
    made = int.from_bytes(server[4:8], "big")
    return (unix_now - made + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def siphash24(key: bytes, data: bytes) -> bytes:
    """Return the 8 octets of SipHash-2-4 with a key of 16 octets."""
    k0, k1 = struct.unpack("<QQ", key)
    v0 = k0 ^ 0x736F6D6570736575
    v1 = k1 ^ 0x646F72616E646F6D
    v2 = k0 ^ 0x6C7967656E657261
    v3 = k1 ^ 0x7465646279746573
    whole = len(data) & ~7
    last = (len(data) & 0xFF) << 56 | int.from_bytes(data[whole:], "little")
    for word in (*struct.unpack(f"<{whole // 8}Q", data[:whole]), last):
        v3 ^= word
        v0, v1, v2, v3 = _round(*_round(v0, v1, v2, v3))
        v0 ^= word
    v2 ^= 0xFF
    v0, v1, v2, v3 = _round(*_round(*_round(*_round(v0, v1, v2, v3))))
    return (v0 ^ v1 ^ v2 ^ v3).to_bytes(8, "little")


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = v0 + v1 & _MASK
    v1 = (v1 << 13 & _MASK | v1 >> 51) ^ v0
    v0 = v0 << 32 & _MASK | v0 >> 32
    v2 = v2 + v3 & _MASK
    v3 = (v3 << 16 & _MASK | v3 >> 48) ^ v2
    v0 = v0 + v3 & _MASK
    v3 = (v3 << 21 & _MASK | v3 >> 43) ^ v0
    v2 = v2 + v1 & _MASK
    v1 = (v1 << 17 & _MASK | v1 >> 47) ^ v2
    v2 = v2 << 32 & _MASK | v2 >> 32
    return v0, v1, v2, v3
