"""A dialogue that goes on inside TLS: octets of the wire in, events and octets of the wire out.

Whoever owns the socket moves the octets, so deadlines are as without TLS. Importing this takes a
tenth of a second, and so does the first trust store: neither is for the event loop.
"""

import ssl
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from rrdns.health.certificates import read_chain
from rrdns.health.smtp import MAX_REPLY_OCTETS, Dialogue, Event, Secured
from rrdns.targets import TlsSession

# A reply with what TLS puts around it, or a handshake. OpenSSL takes 100 KiB of certificates.
MAX_OCTETS: Final = 4 * MAX_REPLY_OCTETS
_READ_OCTETS: Final = 16 * 1024
_DER: Final = 2


class TlsDialogue:
    """One dialogue's TLS: after every call, send what `outgoing` gives."""

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._octets = 0
        self._secured = False

    def start(self, dialogue: Dialogue) -> list[Event]:
        """Begin the handshake that a dialogue asked for; what it says goes through here then."""
        self._dialogue = dialogue
        return self._go_on()

    def receive(self, data: bytes) -> list[Event]:
        """Take in what was read from the wire; return what to do, in order."""
        self._octets += len(data)
        if self._octets > MAX_OCTETS:
            return self._dialogue.tls_failed("the peer sent too much")
        self._incoming.write(data)
        return self._go_on()

    def receive_eof(self) -> list[Event]:
        """Take in that the peer closed; return what to do."""
        if self._secured:
            return self._dialogue.receive_eof()
        return self._dialogue.tls_failed("the peer closed the connection in the handshake")

    def encrypt(self, data: bytes) -> None:
        """Put a command into `outgoing`; a reply to it is waited for."""
        self._octets = 0
        # What is wrong with the connection is told by the next read.
        with suppress(ssl.SSLError):
            self._ssl.write(data)

    def end(self) -> None:
        """Put the end of our stream into `outgoing`, where it can still be said."""
        with suppress(ssl.SSLError):
            self._ssl.unwrap()

    def outgoing(self) -> bytes:
        """Take what has to be sent, alerts included."""
        return self._outgoing.read()

    def session(self) -> TlsSession | None:
        """Return what the handshake showed so far, None before any certificate."""
        ders = _shown_chain(self._ssl)
        if not ders:
            return None
        cipher = self._ssl.cipher()
        return TlsSession(self._ssl.version(), cipher[0] if cipher else None, *read_chain(ders))

    def _go_on(self) -> list[Event]:
        try:
            if self._secured:
                return self._read()
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            return []
        except ssl.SSLError as error:
            return self._dialogue.tls_failed(_words(error))
        self._secured = True
        self._octets = 0
        return [Secured(), *self._dialogue.tls_established()]

    def _read(self) -> list[Event]:
        events: list[Event] = []
        try:
            while plain := self._ssl.read(_READ_OCTETS):
                events += self._dialogue.receive(plain)
        except ssl.SSLWantReadError:
            return events
        return events + self._dialogue.receive_eof()


def open_tls(*, verify: bool, server_name: str | None) -> TlsDialogue:
    """Return the TLS of a dialogue to come.

    With `verify`, a certificate must come from an authority that this machine trusts, and be for
    `server_name` if that is known. The machine's trust store is read when it has changed, which
    blocks for a tenth of a second.
    """
    stamp = _trust_stamp() if verify else ()
    return TlsDialogue(_context(verify, server_name is not None, stamp), server_name)


@lru_cache(maxsize=4)
def _context(verify: bool, named: bool, _stamp: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = verify and named
    context.options |= ssl.OP_NO_RENEGOTIATION
    if verify:
        context.load_default_certs()
    else:
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust_stamp() -> tuple[tuple[str | None, int], ...]:
    """Return what tells one state of the machine's trust store from another."""
    paths = ssl.get_default_verify_paths()
    return tuple((path, _changed_at(path)) for path in (paths.cafile, paths.capath))


def _changed_at(path: str | None) -> int:
    if path is not None:
        with suppress(OSError):
            return Path(path).stat().st_mtime_ns
    return 0


def _shown_chain(connection: ssl.SSLObject) -> list[bytes]:
    """Return the peer's certificates in DER, verified or not."""
    # Public from Python 3.13 on, and there since 3.10.
    public: Any = getattr(connection, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    private: Any = connection
    shown = private._sslobj.get_unverified_chain() or ()  # noqa: SLF001
    return [certificate.public_bytes(_DER) for certificate in shown]


def _words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return error.reason.replace("_", " ").lower() if error.reason else str(error)
