"""Certificates, and SMTP peers that take STARTTLS: well, badly, and not at all."""

import asyncio
import datetime
import ssl
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

import trustme

from support.smtp_peers import GOOD, Handler, silent

T = TypeVar("T")
NAME = "mx1.example.com"
OFFER = b"250-mx\r\n250-SIZE\r\n250 STARTTLS\r\n"
GO = b"220 go\r\n"
INSIDE = (b"250-inside\r\n250 SIZE\r\n", b"221 bye\r\n")
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
EXPIRED = datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC)
SOON = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


@cache
def authority() -> trustme.CA:
    """The authority that a probe trusts where SSL_CERT_FILE names `trusted`'s file."""
    return trustme.CA()


def trusted(directory: Path) -> str:
    """Write the authority's certificate to a file and return its path."""
    path = directory / "authority.pem"
    authority().cert_pem.write_to_path(path)
    return str(path)


@cache
def issued(*names: str, not_after: datetime.datetime = SOON, ours: bool = True) -> trustme.LeafCert:
    """Issue a certificate, by way of an authority in between; not `ours`: by a stranger."""
    between = (authority() if ours else trustme.CA()).create_child_ca()
    return between.issue_cert(*names, not_before=LONG_AGO, not_after=not_after)


def context(
    certificate: trustme.LeafCert | None = None,
    version: ssl.TLSVersion | None = None,
    *,
    asks_for_certificate: bool = False,
) -> ssl.SSLContext:
    """Return a server's context that shows a certificate and its chain."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (certificate or issued(NAME)).configure_cert(made)
    if version is not None:
        made.minimum_version = made.maximum_version = version
    if asks_for_certificate:
        made.verify_mode = ssl.CERT_REQUIRED
        authority().configure_trust(made)
    return made


def long_context(certificates: int) -> ssl.SSLContext:
    """Return a server's context that shows so many certificates more than it has to."""
    leaf, made = issued(NAME), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    whole = leaf.private_key_pem.bytes() + b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
    with trustme.Blob(whole + leaf.cert_chain_pems[1].bytes() * certificates).tempfile() as path:
        made.load_cert_chain(path)
    return made


def old_context() -> ssl.SSLContext:
    """Return a server's context for TLS 1.1 and nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = context(version=ssl.TLSVersion.TLSv1_1)
    made.set_ciphers("ALL:@SECLEVEL=0")
    return made


class TlsByHand:
    """The server's side of TLS with every octet in our hands."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, made: ssl.SSLContext
    ) -> None:
        self.reader, self.writer = reader, writer
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = made.wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def do(self, call: Callable[[], T]) -> T:
        """Call until it wants nothing more from the wire."""
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.writer.write(self.outgoing.read())
                if data := await self.reader.read(65536):
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()


async def until_go(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, go: bytes = GO
) -> None:
    """Talk until STARTTLS was taken."""
    for turn in (GOOD[0], OFFER, go):
        if turn is not GOOD[0]:
            await reader.readuntil(b"\r\n")
        writer.write(turn)
        await writer.drain()


def secured(
    make: Callable[[], ssl.SSLContext] = context, *inside: bytes, ends: bool = False
) -> Handler:
    """Take STARTTLS, and say `inside` to one command after the other; then read on, or end."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_go(reader, writer)
        await writer.start_tls(make())
        for turn in inside or INSIDE:
            await reader.readuntil(b"\r\n")
            writer.write(turn)
            await writer.drain()
        if ends:
            writer.close()
        else:
            await reader.read()

    return handler


def unshaken(*pieces: bytes, pause: float = 0.0, go: bytes = GO, ends: bool = True) -> Handler:
    """Take STARTTLS, wait for the handshake to begin, and say something else."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_go(reader, writer, go)
        await reader.read(65536)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if not ends:
            await reader.read()

    return handler


def trickling(octets: int, pause: float = 0.0, after: Handler = silent) -> Handler:
    """Take STARTTLS and say that many octets of our side of the handshake, one by one."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_go(reader, writer)
        tls = TlsByHand(reader, writer, context())
        tls.incoming.write(await reader.read(65536))
        with suppress(ssl.SSLWantReadError):
            tls.server.do_handshake()
        said = tls.outgoing.read()[:octets]
        for index in range(len(said)):
            writer.write(said[index : index + 1])
            await writer.drain()
            await asyncio.sleep(pause)
        await after(reader, writer)

    return handler
