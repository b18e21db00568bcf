"""Conversations of the deeper checks: STARTTLS, and a recipient."""

from rrdns.targets import Check, ProbeResult, Reason
from support.smtp_cases import (
    BUSY,
    EHLO,
    EOF,
    HELO,
    PROTOCOL,
    QUIT,
    REJECTED,
    Case,
    ok,
)

TLS = Reason.TLS
STARTTLS, MAIL, RSET = "STARTTLS", "MAIL FROM:<>", "RSET"
RCPT = "RCPT TO:<postmaster@customer.test>"
# Stand among the turns for what the handshake came to.
SECURED, FAILED = b"<secured>", b"<failed>"

GREETING, OFFER, PLAIN, GO = (
    b"220 mx\r\n",
    b"250-mx\r\n250-SIZE\r\n250 STARTTLS\r\n",
    b"250 mx\r\n",
    b"220 go\r\n",
)
BYE = b"221 bye\r\n"
CLOSED = "the peer closed the connection in the middle"
NO_REPLY = "this is not an SMTP reply"
EARLY_DETAIL = "the peer spoke before its turn"


def tls(name: str, *turns: bytes, result: ProbeResult, said: str = "", detail: str = "") -> Case:
    """A case of the check starttls; `said` are our commands by their first letters."""
    commands = {"E": EHLO, "H": HELO, "S": STARTTLS, "Q": QUIT}
    words = tuple(commands[letter] for letter in said)
    return Case("starttls, " + name, turns, result, words, detail, Check.STARTTLS)


def rcpt(name: str, *turns: bytes, result: ProbeResult, said: str, detail: str = "") -> Case:
    """A case of the check rcpt, likewise."""
    commands = {"E": EHLO, "H": HELO, "M": MAIL, "R": RCPT, "X": RSET, "Q": QUIT}
    words = tuple(commands[letter] for letter in said)
    return Case("rcpt, " + name, turns, result, words, detail, Check.RCPT)


NOT_OFFERED = ProbeResult(TLS, "starttls", 250, "mx")

DEEP = [
    # --- STARTTLS
    tls("good", GREETING, OFFER, GO, SECURED, b"250 inside\r\n", BYE,
        result=ok(250, "inside"), said="ESEQ"),
    tls("in lower case", GREETING, b"250-mx\n250-starttls\n250 SIZE\n", GO, SECURED, PLAIN, BYE,
        result=ok(250, "mx"), said="ESEQ"),
    tls("not offered again inside", GREETING, OFFER, GO, SECURED, OFFER, BYE,
        result=ok(250, "mx"), said="ESEQ"),
    tls("not offered", GREETING, b"250-mx\r\n250 SIZE\r\n", BYE,
        result=NOT_OFFERED, said="EQ", detail="it is not offered"),
    tls("longer words", GREETING, b"250-mx\r\n250-STARTTLSX\r\n250 XSTARTTLS\r\n", BYE,
        result=NOT_OFFERED, said="EQ", detail="it is not offered"),
    tls("a host of that name", GREETING, b"250 STARTTLS\r\n", BYE,
        result=ProbeResult(TLS, "starttls", 250, "STARTTLS"), said="EQ",
        detail="it is not offered"),
    tls("no EHLO", GREETING, b"502 no\r\n", PLAIN, BYE,
        result=NOT_OFFERED, said="EHQ", detail="it is not offered"),
    tls("not offered to HELO", GREETING, b"502-no\r\n502 STARTTLS\r\n",
        b"250-mx\r\n250 STARTTLS\r\n", BYE,
        result=NOT_OFFERED, said="EHQ", detail="it is not offered"),
    tls("454", GREETING, OFFER, b"454 no entropy\r\n", BYE,
        result=ProbeResult(TLS, "starttls", 454, "no entropy"), said="ESQ"),
    tls("502", GREETING, OFFER, b"502 what\r\n", BYE,
        result=ProbeResult(TLS, "starttls", 502, "what"), said="ESQ"),
    tls("421", GREETING, OFFER, b"421 bye\r\n", EOF,
        result=ProbeResult(BUSY, "starttls", 421, "bye"), said="ESQ"),
    tls("250", GREETING, OFFER, b"250 ok\r\n", BYE, said="ESQ",
        result=ProbeResult(PROTOCOL, "starttls", 250, "ok"), detail="250 is no reply to this"),
    tls("junk", GREETING, OFFER, b"\x16\x03\x01\r\n", said="ES",
        result=ProbeResult(PROTOCOL, "starttls", None, "???"), detail=NO_REPLY),
    tls("closed", GREETING, OFFER, EOF, said="ES",
        result=ProbeResult(PROTOCOL, "starttls"), detail=CLOSED),
    tls("busy at EHLO", GREETING, b"450 no\r\n", BYE,
        result=ProbeResult(BUSY, "ehlo", 450, "no"), said="EQ"),
    # --- inside TLS
    tls("no handshake", GREETING, OFFER, GO, FAILED, said="ES",
        result=ProbeResult(TLS, "tls", None, "no shared cipher"), detail="no shared cipher"),
    tls("alert at EHLO", GREETING, OFFER, GO, SECURED, FAILED, said="ESE",
        result=ProbeResult(TLS, "ehlo", None, "no shared cipher"), detail="no shared cipher"),
    tls("alert at QUIT", GREETING, OFFER, GO, SECURED, PLAIN, FAILED,
        result=ok(250, "mx"), said="ESEQ"),
    tls("closed at EHLO", GREETING, OFFER, GO, SECURED, EOF, said="ESE",
        result=ProbeResult(PROTOCOL, "ehlo"), detail=CLOSED),
    tls("421 inside", GREETING, OFFER, GO, SECURED, b"421 bye\r\n", EOF,
        result=ProbeResult(BUSY, "ehlo", 421, "bye"), said="ESEQ"),
    tls("550 inside", GREETING, OFFER, GO, SECURED, b"550 no\r\n", BYE,
        result=ProbeResult(REJECTED, "ehlo", 550, "no"), said="ESEQ"),
    tls("a second greeting", GREETING, OFFER, GO, SECURED, GREETING, BYE, said="ESEQ",
        result=ProbeResult(PROTOCOL, "ehlo", 220, "mx"), detail="220 is no reply to this"),
    tls("junk inside", GREETING, OFFER, GO, SECURED, b"what\r\n", BYE, said="ESEQ",
        result=ProbeResult(PROTOCOL, "ehlo", None, "what"), detail=NO_REPLY),
    # --- a recipient
    rcpt("good", GREETING, OFFER, b"250 sender\r\n", b"250 taken\r\n", b"250 reset\r\n", BYE,
         result=ok(250, "taken"), said="EMRXQ"),
    rcpt("251", GREETING, OFFER, PLAIN, b"251 forwarded\r\n", PLAIN, BYE,
         result=ok(251, "forwarded"), said="EMRXQ"),
    rcpt("HELO", GREETING, b"500 what\r\n", PLAIN, PLAIN, b"250 taken\r\n", PLAIN, BYE,
         result=ok(250, "taken"), said="EHMRXQ"),
    rcpt("450", GREETING, PLAIN, PLAIN, b"450 greylisted\r\n", PLAIN, BYE,
         result=ProbeResult(BUSY, "rcpt", 450, "greylisted"), said="EMRXQ"),
    rcpt("550", GREETING, PLAIN, PLAIN, b"550 no such user\r\n", PLAIN, BYE,
         result=ProbeResult(REJECTED, "rcpt", 550, "no such user"), said="EMRXQ"),
    rcpt("421", GREETING, PLAIN, PLAIN, b"421 bye\r\n", BYE,
         result=ProbeResult(BUSY, "rcpt", 421, "bye"), said="EMRQ"),
    rcpt("252", GREETING, PLAIN, PLAIN, b"252 perhaps\r\n", PLAIN, BYE, said="EMRXQ",
         result=ProbeResult(PROTOCOL, "rcpt", 252, "perhaps"), detail="252 is no reply to this"),
    rcpt("junk", GREETING, PLAIN, PLAIN, b"what\r\n", BYE, said="EMRQ",
         result=ProbeResult(PROTOCOL, "rcpt", None, "what"), detail=NO_REPLY),
    rcpt("closed", GREETING, PLAIN, PLAIN, EOF, said="EMR",
         result=ProbeResult(PROTOCOL, "rcpt"), detail=CLOSED),
    rcpt("4xx to MAIL", GREETING, PLAIN, b"452 disk full\r\n", BYE,
         result=ProbeResult(BUSY, "mail", 452, "disk full"), said="EMQ"),
    rcpt("5xx to MAIL", GREETING, PLAIN, b"530 TLS first\r\n", BYE,
         result=ProbeResult(REJECTED, "mail", 530, "TLS first"), said="EMQ"),
    rcpt("251 to MAIL", GREETING, PLAIN, b"251 no\r\n", BYE, said="EMQ",
         result=ProbeResult(PROTOCOL, "mail", 251, "no"), detail="251 is no reply to this"),
    # --- what follows the verdict does not count
    rcpt("RSET refused", GREETING, PLAIN, PLAIN, PLAIN, b"502 no\r\n", BYE,
         result=ok(250, "mx"), said="EMRXQ"),
    rcpt("junk at RSET", GREETING, PLAIN, PLAIN, PLAIN, b"what\r\n", BYE,
         result=ok(250, "mx"), said="EMRXQ"),
    rcpt("closed at RSET", GREETING, PLAIN, PLAIN, PLAIN, EOF,
         result=ok(250, "mx"), said="EMRX"),
]  # fmt: skip

DEEP_EARLY = [
    # CVE-2011-0411: what comes in plain text before the handshake must never count as protected.
    tls("injected reply", GREETING, OFFER, GO + PLAIN, said="ES",
        result=ProbeResult(PROTOCOL, "starttls", None, "250 mx"), detail=EARLY_DETAIL),
    tls("injected 421", GREETING, OFFER, GO + b"421 bye\r\n", said="ES",
        result=ProbeResult(PROTOCOL, "starttls", None, "421 bye"), detail=EARLY_DETAIL),
    tls("an octet injected", GREETING, OFFER, GO + b"4", said="ES",
        result=ProbeResult(PROTOCOL, "starttls", None, "4"), detail=EARLY_DETAIL),
    tls("STARTTLS answered before it is said", GREETING, OFFER + GO, BYE, said="EQ",
        result=ProbeResult(PROTOCOL, "ehlo", None, "220 go"), detail=EARLY_DETAIL),
    rcpt("all replies at once", GREETING, PLAIN + PLAIN + PLAIN, BYE, said="EQ",
         result=ProbeResult(PROTOCOL, "ehlo", None, "250 mx"), detail=EARLY_DETAIL),
    rcpt("RSET answered before it is said", GREETING, PLAIN, PLAIN, PLAIN + PLAIN, PLAIN, BYE,
         result=ok(250, "mx"), said="EMRXQ"),
]  # fmt: skip
