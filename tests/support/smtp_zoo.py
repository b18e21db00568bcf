"""The zoo: SMTP peers over real sockets, good and bad, and what a probe must say of each."""

import asyncio
import socket
from dataclasses import dataclass, replace

from rrdns.targets import Check, ProbeSettings, Reason
from support.smtp_peers import GOOD, PATIENT, Handler, script, silent

# Deadlines are short only where one is to pass: nothing else here depends on speed.
SHORT_SECONDS = 0.7
SHORT_BANNER = replace(PATIENT, banner_timeout_seconds=SHORT_SECONDS)
SHORT_COMMAND = replace(PATIENT, command_timeout_seconds=SHORT_SECONDS)
BANNER = replace(PATIENT, check=Check.BANNER)
TCP = replace(PATIENT, check=Check.TCP)
RCPT = replace(PATIENT, check=Check.RCPT, recipient="postmaster@customer.test")
SHORT_RCPT = replace(RCPT, command_timeout_seconds=SHORT_SECONDS)

Outcome = tuple[Reason, str | None, int | None, str | None]
GOOD_OUTCOME: Outcome = (Reason.OK, None, 250, "mx hello")
HELLO, MX, BYE = b"220 mx\r\n", b"250 mx\r\n", b"221 bye\r\n"
LINE = b"220-" + b"x" * 96 + b"\r\n"


@dataclass(frozen=True)
class Animal:
    """A peer, how it is probed, and how that must end."""

    name: str
    handler: Handler
    expected: Outcome
    settings: ProbeSettings = PATIENT


def ok(text: str, code: int = 250) -> Outcome:
    return Reason.OK, None, code, text


def then(*turns: bytes, after: Handler) -> Handler:
    """Say `turns`, a command before each but the first and before what comes `after`."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for turn in turns:
            writer.write(turn)
            await writer.drain()
            await reader.readuntil(b"\r\n")
        await after(reader, writer)

    return handler


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Go away with a reset: that is a close which lingers for no time."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def half_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, say that nothing more comes, and listen."""
    writer.write(HELLO)
    writer.write_eof()
    await reader.read()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send lines until the other side goes."""
    while True:
        writer.write(LINE * 100)
        await writer.drain()


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what comes next, say goodbye, and never close."""
    await reader.readuntil(b"\r\n")
    writer.write(BYE)
    await reader.read()


PLAIN_ANIMALS = [
    # --- good ones
    Animal("good", script(*GOOD), GOOD_OUTCOME),
    Animal("in small pieces", script(*GOOD, piece=1, pause=0.001), GOOD_OUTCOME),
    Animal("greets late, in two parts", script(*GOOD, piece=8, pause=0.1), GOOD_OUTCOME),
    Animal("bare LF", script(b"220-mx\n220 ready\n", b"250-mx hello\n250 SIZE\n", b"221\n"),
           GOOD_OUTCOME),
    Animal("knows HELO only", script(GOOD[0], b"500 what\r\n", b"250 old\r\n", BYE), ok("old")),
    Animal("takes EHLO for unwanted", script(GOOD[0], b"550 no\r\n", MX, BYE), ok("mx")),
    Animal("its name alone", script(b"220\r\n", b"250\r\n", b"221\r\n"), ok("")),
    Animal("not ASCII", script(b"220 m\xc3\xbc\xff\r\n", b"250 \x1b[31mred\x07\r\n", BYE),
           ok("?[31mred?")),
    Animal("closes without waiting for QUIT", script(*GOOD[:2]), GOOD_OUTCOME),
    Animal("closes at QUIT", then(*GOOD[:2], after=script(b"")), GOOD_OUTCOME),
    Animal("resets at QUIT", then(*GOOD[:2], after=reset), GOOD_OUTCOME),
    Animal("refuses QUIT", script(*GOOD[:2], b"500 what\r\n"), GOOD_OUTCOME),
    Animal("floods after QUIT", then(*GOOD[:2], after=endless), GOOD_OUTCOME),
    Animal("never answers QUIT", then(*GOOD[:2], after=silent), GOOD_OUTCOME),
    Animal("never closes", then(GOOD[0], after=script(GOOD[1], BYE)), GOOD_OUTCOME),
    Animal("greets, and no more is asked", script(HELLO, BYE), ok("mx", 220), BANNER),
    Animal("only accepts", silent, (Reason.OK, None, None, None), TCP),
    Animal("floods who only connects", endless, (Reason.OK, None, None, None), TCP),
    # --- silence
    Animal("silent", silent, (Reason.TIMEOUT, "banner", None, None), SHORT_BANNER),
    Animal("an octet a second", script(b"220 mx ready when you are\r\n", piece=1, pause=1.0),
           (Reason.TIMEOUT, "banner", None, None), SHORT_BANNER),
    Animal("a greeting that does not end", script(b"220-mx\r\n" * 40, piece=8, pause=0.1),
           (Reason.TIMEOUT, "banner", None, None), SHORT_BANNER),
    Animal("silent after its greeting", then(HELLO, after=silent),
           (Reason.TIMEOUT, "ehlo", None, None), SHORT_COMMAND),
    Animal("tarpit", then(HELLO, after=script(b"250-mx\r\n" * 10, piece=1, pause=0.2)),
           (Reason.TIMEOUT, "ehlo", None, None), SHORT_COMMAND),
    # --- those that do not want us
    Animal("421", script(b"421 busy\r\n", BYE), (Reason.BUSY, "banner", 421, "busy")),
    Animal("421 and gone", script(b"421 busy\r\n"), (Reason.BUSY, "banner", 421, "busy")),
    Animal("450", script(b"450-a\r\n450 b\r\n", BYE), (Reason.BUSY, "banner", 450, "a")),
    Animal("554", script(b"554 no\r\n", BYE), (Reason.REJECTED, "banner", 554, "no")),
    Animal("554 and gone", script(b"554-no\r\n554 go\r\n"), (Reason.REJECTED, "banner", 554, "no")),
    Animal("521 to a banner check", script(b"521 no mail\r\n", BYE),
           (Reason.REJECTED, "banner", 521, "no mail"), BANNER),
    Animal("421 to EHLO", script(HELLO, b"421 bye\r\n"), (Reason.BUSY, "ehlo", 421, "bye")),
    Animal("refuses EHLO and HELO", script(HELLO, b"500 a\r\n", b"550 b\r\n", BYE),
           (Reason.REJECTED, "ehlo", 550, "b")),
    # --- those that are not SMTP
    Animal("ssh", script(b"SSH-2.0-x\r\n"), (Reason.PROTOCOL, "banner", None, "SSH-2.0-x")),
    Animal("pop3", script(b"+OK ready\r\n"), (Reason.PROTOCOL, "banner", None, "+OK ready")),
    Animal("http", script(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
           (Reason.PROTOCOL, "banner", None, "HTTP/1.1 400 Bad Request")),
    Animal("nntp", script(b"200 news\r\n", BYE), (Reason.PROTOCOL, "banner", 200, "news")),
    Animal("binary", script(bytes(range(10)) + b"\n"),
           (Reason.PROTOCOL, "banner", None, "????????? ".strip())),
    Animal("zeros", script(b"\0" * 5000), (Reason.PROTOCOL, "banner", None, "?" * 200)),
    Animal("a TLS alert", script(b"\x15\x03\x01\x00\x02\x02\x28"),
           (Reason.PROTOCOL, "banner", None, "??????(")),
    Animal("an endless line", script(b"x" * 2**20), (Reason.PROTOCOL, "banner", None, "x" * 200)),
    Animal("an endless greeting", endless, (Reason.PROTOCOL, "banner", None, "220-" + "x" * 96)),
    Animal("an endless reply", then(HELLO, after=endless),
           (Reason.PROTOCOL, "ehlo", None, "220-" + "x" * 96)),
    Animal("codes that differ", script(b"220-a\r\n250 b\r\n"),
           (Reason.PROTOCOL, "banner", None, "250 b")),
    Animal("talks out of turn", script(b"220 a\r\n250 b\r\n250 c\r\n", BYE),
           (Reason.PROTOCOL, "banner", None, "250 b")),
    Animal("asks for data", script(HELLO, b"354 go\r\n", BYE),
           (Reason.PROTOCOL, "ehlo", 354, "go")),
    # --- those that go
    Animal("gone at once", script(b""), (Reason.PROTOCOL, "banner", None, None)),
    Animal("gone in a line", script(b"220 mx"), (Reason.PROTOCOL, "banner", None, "220 mx")),
    Animal("gone in a reply", script(b"220-mx\r\n"), (Reason.PROTOCOL, "banner", 220, "mx")),
    Animal("gone at EHLO", script(HELLO, b""), (Reason.PROTOCOL, "ehlo", None, None)),
    Animal("half closed", half_closed, (Reason.PROTOCOL, "ehlo", None, None)),
    Animal("reset at once", reset, (Reason.UNREACHABLE, "banner", None, None)),
    Animal("reset at EHLO", then(HELLO, after=reset), (Reason.UNREACHABLE, "ehlo", None, None)),
    # --- about a recipient
    Animal("takes the recipient", script(HELLO, MX, MX, b"250 taken\r\n", MX, BYE), ok("taken"),
           RCPT),
    Animal("forwards the recipient", script(HELLO, MX, MX, b"251 there\r\n", MX, BYE),
           ok("there", 251), RCPT),
    Animal("greylists", script(HELLO, MX, MX, b"450 later\r\n", MX, BYE),
           (Reason.BUSY, "rcpt", 450, "later"), RCPT),
    Animal("knows nobody", script(HELLO, MX, MX, b"550 who\r\n", MX, BYE),
           (Reason.REJECTED, "rcpt", 550, "who"), RCPT),
    Animal("gives up at RCPT", script(HELLO, MX, MX, b"421 bye\r\n"),
           (Reason.BUSY, "rcpt", 421, "bye"), RCPT),
    Animal("wants TLS first", script(HELLO, MX, b"530 TLS first\r\n", BYE),
           (Reason.REJECTED, "mail", 530, "TLS first"), RCPT),
    Animal("disk full", script(HELLO, MX, b"452 full\r\n", BYE),
           (Reason.BUSY, "mail", 452, "full"), RCPT),
    Animal("silent at MAIL", then(HELLO, MX, after=silent),
           (Reason.TIMEOUT, "mail", None, None), SHORT_RCPT),
    Animal("silent at RCPT", then(HELLO, MX, MX, after=silent),
           (Reason.TIMEOUT, "rcpt", None, None), SHORT_RCPT),
    Animal("silent at RSET", then(HELLO, MX, MX, MX, after=silent), ok("mx"), RCPT),
    Animal("gone at RCPT", script(HELLO, MX, MX, b""), (Reason.PROTOCOL, "rcpt", None, None),
           RCPT),
]  # fmt: skip
