"""The part of the zoo that is asked for STARTTLS."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from unittest.mock import ANY

from rrdns.targets import Check, Reason
from support.smtp_peers import GOOD, PATIENT, Handler, script, silent
from support.smtp_tls import (
    EXPIRED,
    GO,
    INSIDE,
    NAME,
    OFFER,
    TlsByHand,
    context,
    issued,
    long_context,
    old_context,
    secured,
    trickling,
    unshaken,
    until_go,
)
from support.smtp_zoo import BYE, HELLO, SHORT_SECONDS, Animal, Outcome, ok, reset, then

STARTTLS = replace(PATIENT, check=Check.STARTTLS)
SHORT = replace(STARTTLS, command_timeout_seconds=SHORT_SECONDS)
# These are probed under the name NAME.
VERIFIED = replace(STARTTLS, verify=True)

SECURED: Outcome = ok("inside")
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def tls(phase: str, text: str, code: int | None = None) -> Outcome:
    """The reason tls; what OpenSSL says changes with its versions, so `text` may be ANY."""
    return Reason.TLS, phase, code, text


async def one_by_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Put every octet of an endless reply into a TLS record of its own."""
    await until_go(reader, writer)
    await writer.start_tls(context(version=TLS12))
    await reader.readuntil(b"\r\n")
    while True:
        for octet in b"250-mx\r\n":
            writer.write(bytes([octet]))
        await writer.drain()


def by_hand(make: Callable[[], ssl.SSLContext]) -> Handler:
    """Do the handshake, read a command, end TLS or say what is wrong with it, and stay."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_go(reader, writer)
        tls = TlsByHand(reader, writer, make())
        with suppress(ssl.SSLError):
            await tls.do(tls.server.do_handshake)
            await tls.do(tls.server.read)
            tls.server.unwrap()
        writer.write(tls.outgoing.read())
        await reader.read()

    return handler


TLS_ANIMALS = [
    # --- good ones
    Animal("takes STARTTLS", secured(), SECURED, STARTTLS),
    Animal("TLS 1.2", secured(lambda: context(version=TLS12)), SECURED, STARTTLS),
    Animal("TLS 1.3", secured(lambda: context(version=TLS13)), SECURED, STARTTLS),
    Animal("verified", secured(), SECURED, VERIFIED),
    Animal("verified by a wildcard", secured(lambda: context(issued("*.example.com"))), SECURED,
           VERIFIED),
    Animal("expired, and nobody asked", secured(lambda: context(issued(NAME, not_after=EXPIRED))),
           SECURED, STARTTLS),
    Animal("unknown, and nobody asked", secured(lambda: context(issued("other.test", ours=False))),
           SECURED, STARTTLS),
    Animal("a long chain", secured(lambda: long_context(20)), SECURED, STARTTLS),
    Animal("closes inside instead of QUIT", secured(context, INSIDE[0], ends=True), SECURED,
           STARTTLS),
    Animal("never answers QUIT inside", secured(context, INSIDE[0]), SECURED, STARTTLS),
    # --- no TLS
    Animal("offers no TLS", script(*GOOD), tls("starttls", "mx hello", 250), STARTTLS),
    Animal("no TLS for HELO", script(GOOD[0], b"502 what\r\n", b"250 old\r\n", BYE),
           tls("starttls", "old", 250), STARTTLS),
    Animal("no TLS today", script(GOOD[0], OFFER, b"454 no entropy\r\n", BYE),
           tls("starttls", "no entropy", 454), STARTTLS),
    Animal("what is STARTTLS", script(GOOD[0], OFFER, b"502 what\r\n", BYE),
           tls("starttls", "what", 502), STARTTLS),
    Animal("421 to STARTTLS", script(GOOD[0], OFFER, b"421 bye\r\n"),
           (Reason.BUSY, "starttls", 421, "bye"), STARTTLS),
    Animal("250 to STARTTLS", script(GOOD[0], OFFER, b"250 ok\r\n", BYE),
           (Reason.PROTOCOL, "starttls", 250, "ok"), STARTTLS),
    Animal("gone at STARTTLS", script(GOOD[0], OFFER, b""),
           (Reason.PROTOCOL, "starttls", None, None), STARTTLS),
    Animal("silent at STARTTLS", then(GOOD[0], OFFER, after=silent),
           (Reason.TIMEOUT, "starttls", None, None), SHORT),
    # --- plain text that wants to count as protected (CVE-2011-0411)
    Animal("injects a reply", unshaken(go=GO + b"250 inside\r\n"),
           (Reason.PROTOCOL, "starttls", None, "250 inside"), STARTTLS),
    Animal("injects replies later", unshaken(b"250 inside\r\n", b"221 bye\r\n", pause=0.1),
           tls("tls", ANY), STARTTLS),
    # --- handshakes that fail
    Animal("says 500 to the handshake", unshaken(b"500 what is this\r\n"), tls("tls", ANY),
           STARTTLS),
    Animal("binary handshake", unshaken(bytes(range(256)) * 4), tls("tls", ANY), STARTTLS),
    Animal("an endless handshake", unshaken(b"\x16\x03\x03\x40\x00" + b"\x00" * 2**20),
           tls("tls", ANY), STARTTLS),
    Animal("an alert", unshaken(b"\x15\x03\x03\x00\x02\x02\x28"), tls("tls", ANY), STARTTLS),
    Animal("closes in the handshake", unshaken(),
           tls("tls", "the peer closed the connection in the handshake"), STARTTLS),
    Animal("closes in mid-handshake", trickling(40, after=script(b"")),
           tls("tls", "the peer closed the connection in the handshake"), STARTTLS),
    Animal("resets in the handshake", trickling(0, after=reset),
           (Reason.UNREACHABLE, "tls", None, None), STARTTLS),
    Animal("silent in the handshake", trickling(0), (Reason.TIMEOUT, "tls", None, None), SHORT),
    Animal("stops in mid-handshake", trickling(40), (Reason.TIMEOUT, "tls", None, None), SHORT),
    Animal("a handshake octet by octet", trickling(4000, 0.05),
           (Reason.TIMEOUT, "tls", None, None), SHORT),
    Animal("old TLS only", secured(old_context), tls("tls", ANY), STARTTLS),
    Animal("a huge chain", secured(lambda: long_context(400)), tls("tls", ANY), STARTTLS),
    Animal("wants a certificate in TLS 1.2",
           secured(lambda: context(version=TLS12, asks_for_certificate=True)), tls("tls", ANY),
           STARTTLS),
    Animal("wants a certificate in TLS 1.3",
           by_hand(lambda: context(version=TLS13, asks_for_certificate=True)), tls("ehlo", ANY),
           STARTTLS),
    # --- verification
    Animal("expired", secured(lambda: context(issued(NAME, not_after=EXPIRED))),
           tls("tls", "certificate has expired"), VERIFIED),
    Animal("unknown", secured(lambda: context(issued(NAME, ours=False))), tls("tls", ANY),
           VERIFIED),
    Animal("named otherwise", secured(lambda: context(issued("mx9.example.com"))),
           tls("tls", ANY), VERIFIED),
    # --- inside TLS
    Animal("gone after the handshake", secured(context, b"", ends=True),
           (Reason.PROTOCOL, "ehlo", None, None), STARTTLS),
    Animal("ends TLS and stays", by_hand(context), (Reason.PROTOCOL, "ehlo", None, None), STARTTLS),
    Animal("silent inside", secured(context, b""), (Reason.TIMEOUT, "ehlo", None, None), SHORT),
    Animal("421 inside", secured(context, b"421 bye\r\n", ends=True),
           (Reason.BUSY, "ehlo", 421, "bye"), STARTTLS),
    Animal("refuses EHLO inside", secured(context, b"550 no\r\n", BYE),
           (Reason.REJECTED, "ehlo", 550, "no"), STARTTLS),
    Animal("greets again inside", secured(context, HELLO, BYE),
           (Reason.PROTOCOL, "ehlo", 220, "mx"), STARTTLS),
    Animal("a huge reply inside", secured(context, b"250-" + b"x" * 96 + b"\r\n" * 2**14),
           (Reason.PROTOCOL, "ehlo", None, ""), STARTTLS),
    Animal("an endless reply inside, octet by octet", one_by_one,
           tls("ehlo", "the peer sent too much"), STARTTLS),
]  # fmt: skip
