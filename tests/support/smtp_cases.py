"""Conversations of a peer with the SMTP dialogue, and how each must end."""

from dataclasses import dataclass

from rrdns.health.smtp import (
    MAX_LINE_OCTETS,
    MAX_REPLY_OCTETS,
)
from rrdns.targets import Check, ProbeResult, Reason

OK, BUSY, REJECTED, PROTOCOL = Reason.OK, Reason.BUSY, Reason.REJECTED, Reason.PROTOCOL
EHLO, HELO, QUIT = "EHLO probe.test", "HELO probe.test", "QUIT"
EOF = b""
LINE = b"220-" + b"x" * 1000 + b"\r\n"
LONGEST = b"220 " + b"x" * (MAX_LINE_OCTETS - 5) + b"\r\n"


@dataclass(frozen=True)
class Case:
    """What the peer says at each of its turns, and how we take it."""

    name: str
    turns: tuple[bytes, ...]
    result: ProbeResult | None
    said: tuple[str, ...]
    detail: str = ""
    check: Check = Check.EHLO
    finished: bool = True


def ok(code: int, text: str) -> ProbeResult:
    return ProbeResult(OK, None, code, text)


CASES = [
    # --- a good peer
    Case("good", (b"220 mx ready\r\n", b"250 mx\r\n", b"221 bye\r\n"), ok(250, "mx"), (EHLO, QUIT)),
    Case(
        "multi-line",
        (
            b"220-mx\r\n220-a\r\n220 b\r\n",
            b"250-mx at your service\r\n250 SIZE\r\n",
            b"221-a\r\n221 b\r\n",
        ),
        ok(250, "mx at your service"),
        (EHLO, QUIT),
    ),
    Case(
        "bare LF", (b"220-a\n220 b\n", b"250-mx\n250 SIZE\n", b"221\n"), ok(250, "mx"), (EHLO, QUIT)
    ),
    Case("no text", (b"220\r\n", b"250\r\n", b"221\r\n"), ok(250, ""), (EHLO, QUIT)),
    Case("only spaces", (b"220 \r\n", b"250-\r\n250 \r\n", b"221 \r\n"), ok(250, ""), (EHLO, QUIT)),
    Case(
        "any octets",
        (b"220 \x00\xff\x1b[31m\r\n", b"250 m\xc3\xbcnchen\tmx\r\r\n", b"221 \xfe\r\n"),
        ok(250, "m??nchen mx"),
        (EHLO, QUIT),
    ),
    Case(
        "helo",
        (b"220 mx\r\n", b"502 no\r\n", b"250 hi\r\n", b"221\r\n"),
        ok(250, "hi"),
        (EHLO, HELO, QUIT),
    ),
    Case("the longest line", (LONGEST, b"250 mx\r\n", b"221\r\n"), ok(250, "mx"), (EHLO, QUIT)),
    Case(
        "a long reply",
        (LINE * 60 + b"220 \r\n", b"250 mx\r\n", b"221\r\n"),
        ok(250, "mx"),
        (EHLO, QUIT),
    ),
    Case("banner", (b"220 mx\r\n", b"221\r\n"), ok(220, "mx"), (QUIT,), check=Check.BANNER),
    # --- what follows QUIT does not count
    Case("closed at QUIT", (b"220 a\r\n", b"250 mx\r\n", EOF), ok(250, "mx"), (EHLO, QUIT)),
    Case(
        "error at QUIT", (b"220 a\r\n", b"250 mx\r\n", b"500 what\r\n"), ok(250, "mx"), (EHLO, QUIT)
    ),
    Case("junk at QUIT", (b"220 a\r\n", b"250 mx\r\n", b"what\r\n"), ok(250, "mx"), (EHLO, QUIT)),
    Case(
        "flood at QUIT",
        (b"220 a\r\n", b"250 mx\r\n", b"x" * 3000),
        ok(250, "mx"),
        (EHLO, QUIT),
    ),
    Case(
        "silent at QUIT", (b"220 a\r\n", b"250 mx\r\n"), ok(250, "mx"), (EHLO, QUIT), finished=False
    ),
    # --- a peer that does not want us
    Case(
        "421 greeting",
        (b"421 busy\r\n", b"221\r\n"),
        ProbeResult(BUSY, "banner", 421, "busy"),
        (QUIT,),
    ),
    Case(
        "450 greeting", (b"450-a\r\n450 b\r\n", EOF), ProbeResult(BUSY, "banner", 450, "a"), (QUIT,)
    ),
    Case(
        "554 greeting",
        (b"554 no\r\n", b"221\r\n"),
        ProbeResult(REJECTED, "banner", 554, "no"),
        (QUIT,),
    ),
    Case(
        "554 greeting, banner",
        (b"554 no\r\n", b"221\r\n"),
        ProbeResult(REJECTED, "banner", 554, "no"),
        (QUIT,),
        check=Check.BANNER,
    ),
    Case(
        "421 greeting, banner",
        (b"421 no\r\n", b"221\r\n"),
        ProbeResult(BUSY, "banner", 421, "no"),
        (QUIT,),
        check=Check.BANNER,
    ),
    Case(
        "421 to EHLO",
        (b"220 a\r\n", b"421 bye\r\n", EOF),
        ProbeResult(BUSY, "ehlo", 421, "bye"),
        (EHLO, QUIT),
    ),
    Case(
        "4xx to HELO",
        (b"220 a\r\n", b"500 no\r\n", b"451 later\r\n", b"221\r\n"),
        ProbeResult(BUSY, "ehlo", 451, "later"),
        (EHLO, HELO, QUIT),
    ),
    Case(
        "5xx to HELO",
        (b"220 a\r\n", b"500 no\r\n", b"550 never\r\n", b"221\r\n"),
        ProbeResult(REJECTED, "ehlo", 550, "never"),
        (EHLO, HELO, QUIT),
    ),
    # --- not SMTP
    Case(
        "ssh",
        (b"SSH-2.0-OpenSSH_9.2\r\n",),
        ProbeResult(PROTOCOL, "banner", None, "SSH-2.0-OpenSSH_9.2"),
        (),
        "this is not an SMTP reply",
    ),
    Case(
        "short",
        (b"22\r\n",),
        ProbeResult(PROTOCOL, "banner", None, "22"),
        (),
        "this is not an SMTP reply",
    ),
    Case(
        "empty line",
        (b"\r\n",),
        ProbeResult(PROTOCOL, "banner", None, ""),
        (),
        "this is not an SMTP reply",
    ),
    Case(
        "no space",
        (b"220mx\r\n",),
        ProbeResult(PROTOCOL, "banner", None, "220mx"),
        (),
        "this is not an SMTP reply",
    ),
    Case(
        "codes differ",
        (b"220-a\r\n250 b\r\n",),
        ProbeResult(PROTOCOL, "banner", None, "250 b"),
        (),
        "the codes within one reply differ",
    ),
    Case(
        "codes differ at EHLO",
        (b"220 a\r\n", b"250-a\r\n220 b\r\n", b"221\r\n"),
        ProbeResult(PROTOCOL, "ehlo", None, "220 b"),
        (EHLO, QUIT),
        "the codes within one reply differ",
    ),
    Case(
        "pop3 code",
        (b"200 mx\r\n", b"221\r\n"),
        ProbeResult(PROTOCOL, "banner", 200, "mx"),
        (QUIT,),
        "200 is no reply to this",
    ),
    Case(
        "wrong code to EHLO",
        (b"220 a\r\n", b"220 b\r\n", b"221\r\n"),
        ProbeResult(PROTOCOL, "ehlo", 220, "b"),
        (EHLO, QUIT),
        "220 is no reply to this",
    ),
    Case(
        "354 to EHLO",
        (b"220 a\r\n", b"354 go\r\n", b"221\r\n"),
        ProbeResult(PROTOCOL, "ehlo", 354, "go"),
        (EHLO, QUIT),
        "354 is no reply to this",
    ),
    Case(
        "junk at EHLO",
        (b"220 a\r\n", b"what\r\n", b"221\r\n"),
        ProbeResult(PROTOCOL, "ehlo", None, "what"),
        (EHLO, QUIT),
        "this is not an SMTP reply",
    ),
    # --- too long
    Case(
        "endless line",
        (b"220 " + b"x" * MAX_LINE_OCTETS,),
        ProbeResult(PROTOCOL, "banner", None, "220 " + "x" * 196),
        (),
        "a line is too long",
    ),
    Case(
        "long line",
        (b"220 " + b"x" * (MAX_LINE_OCTETS - 3) + b"\r\n",),
        ProbeResult(PROTOCOL, "banner", None, "220 " + "x" * 196),
        (),
        "a line is too long",
    ),
    Case(
        "endless reply",
        (LINE * (MAX_REPLY_OCTETS // len(LINE) + 1),),
        ProbeResult(PROTOCOL, "banner", None, "220-" + "x" * 196),
        (),
        "a reply is too long",
    ),
    # --- closed in the middle
    Case(
        "closed",
        (EOF,),
        ProbeResult(PROTOCOL, "banner"),
        (),
        "the peer closed the connection in the middle",
    ),
    Case(
        "closed in a line",
        (b"220 m", EOF),
        ProbeResult(PROTOCOL, "banner", None, "220 m"),
        (),
        "the peer closed the connection in the middle",
    ),
    Case(
        "closed in a reply",
        (b"220-mx\r\n22", EOF),
        ProbeResult(PROTOCOL, "banner", 220, "mx"),
        (),
        "the peer closed the connection in the middle",
    ),
    Case(
        "closed at EHLO",
        (b"220 mx\r\n", EOF),
        ProbeResult(PROTOCOL, "ehlo"),
        (EHLO,),
        "the peer closed the connection in the middle",
    ),
    # --- not yet an end
    Case("nothing yet", (b"220-mx\r\n220",), None, (), finished=False),
    Case("nothing at EHLO yet", (b"220 mx\r\n", b"250-mx\r\n"), None, (EHLO,), finished=False),
]

# A peer that speaks before its turn is only seen when its bytes come together.
EARLY = [
    Case(
        "two greetings",
        (b"220 a\r\n250 b\r\n", b"221\r\n"),
        ProbeResult(PROTOCOL, "banner", None, "250 b"),
        (QUIT,),
        "the peer spoke before its turn",
    ),
    Case(
        "early junk",
        (b"220 a\r\n\xff", b"221\r\n"),
        ProbeResult(PROTOCOL, "banner", None, "?"),
        (QUIT,),
        "the peer spoke before its turn",
    ),
    Case(
        "early after EHLO",
        (b"220 a\r\n", b"500 a\r\n500 b\r\n", b"221\r\n"),
        ProbeResult(PROTOCOL, "ehlo", None, "500 b"),
        (EHLO, QUIT),
        "the peer spoke before its turn",
    ),
    Case(
        "421 after the greeting",
        (b"220 a\r\n421 too late\r\n", EOF),
        ProbeResult(BUSY, "ehlo", 421, "too late"),
        (QUIT,),
    ),
    Case(
        "421 after the greeting, in parts",
        (b"220 a\r\n42", b"1 too late\r\n", EOF),
        ProbeResult(BUSY, "ehlo", 421, "too late"),
        (EHLO, QUIT),
    ),
    Case(
        "junk before QUIT is no reply to QUIT",
        (b"554 no\r\n554 no\r\n", b"221\r\n"),
        ProbeResult(REJECTED, "banner", 554, "no"),
        (QUIT,),
    ),
]
