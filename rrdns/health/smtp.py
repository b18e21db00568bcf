"""The SMTP dialogue of a probe, without I/O: bytes in, events out.

Rules of this room: no socket, no clock, no logging. Whoever owns the socket feeds what it read to
`Dialogue.receive` (or `receive_eof`) and carries out the events in their order; deadlines and the
handshake of TLS are its business too, `Dialogue.phase` tells which phase runs. Arbitrary bytes
never raise: what is not SMTP ends as the reason `protocol`. What follows which reply is a table in
`rrdns.health.steps`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from rrdns.health.steps import COMMANDS, LEAVING, PHASES, TABLES, Step
from rrdns.targets import Check, ProbeResult, Reason

MAX_REPLY_OCTETS: Final = 64 * 1024
MAX_LINE_OCTETS: Final = 2048
_MAX_TEXT_CHARACTERS: Final = 200

_REPLY_LINE: Final = re.compile(rb"([0-9]{3})(?:([ -])(.*))?", re.DOTALL)
_PRINTABLE: Final = bytes(octet if 0x20 <= octet <= 0x7E else ord("?") for octet in range(256))
_TABS_TO_SPACES: Final = bytes.maketrans(b"\t", b" ")


class Received(NamedTuple):
    """A line that the peer sent, without its end; for a transcript."""

    line: bytes

    @property
    def text(self) -> str:
        """The line, printable."""
        return printable(self.line)


@dataclass(frozen=True, slots=True)
class Send:
    """One command to write, with its CRLF; its reply is to be waited for."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Handshake:
    """TLS is to begin now; `tls_established` or `tls_failed` is to be told how that went."""


@dataclass(frozen=True, slots=True)
class Secured:
    """The handshake is through; for a transcript. Comes from whoever does TLS."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The dialogue's result, without times; nothing after it changes it.

    `detail` says in words what was wrong, empty where the reply itself says it.
    """

    result: ProbeResult
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more is expected: the connection can be closed."""


Event = Received | Send | Handshake | Secured | Judged | Finished


class Dialogue:
    """One dialogue with one peer (RFC 5321, sections 3.1, 4.2 and 4.5.3.1.5; RFC 3207).

    Opens without a word: the peer speaks first. Raises KeyError for a check that has no dialogue.
    """

    def __init__(self, check: Check, helo: str, recipient: str = "") -> None:
        self._table = TABLES[check]
        self._helo = helo
        self._recipient = recipient
        self._step = Step.GREETING
        self._greeted = False
        self._offers_tls = False
        self._buffer = bytearray()
        self._start_reply()

    def _start_reply(self) -> None:
        self._code: bytes | None = None
        self._text = ""
        self._reply_octets = 0

    @property
    def phase(self) -> str:
        """The phase that is under way, as results and metrics call it."""
        return PHASES[self._step]

    @property
    def finished(self) -> bool:
        """Whether nothing more is expected."""
        return self._step is Step.END

    def receive(self, data: bytes) -> list[Event]:
        """Take in what was read; return what to do, with at most one `Send`, in order."""
        before = self._step
        if before is Step.END:
            return []
        events: list[Event] = []
        buffer = self._buffer
        buffer += data
        while (end := buffer.find(b"\n", 0, MAX_LINE_OCTETS + 1)) >= 0:
            line = bytes(buffer[:end]).removesuffix(b"\r")
            del buffer[: end + 1]
            self._reply_octets += end + 1
            events.append(Received(line))
            events += self._line(line)
        if len(buffer) > MAX_LINE_OCTETS:
            events += self._malformed(bytes(buffer), "a line is too long")
        if self._step is not before:
            events += self._next()
        return events

    def receive_eof(self) -> list[Event]:
        """Take in that the peer closed; return what to do."""
        if self.finished:
            return []
        if self._step in LEAVING:
            return self._end()
        text = self._text or printable(bytes(self._buffer)) or None
        code = int(self._code) if self._code else None
        result = ProbeResult(Reason.PROTOCOL, self.phase, code, text)
        return [Judged(result, "the peer closed the connection in the middle"), *self._end()]

    def tls_established(self) -> list[Event]:
        """Take in that the handshake succeeded; all is asked anew (RFC 3207, section 4.2)."""
        self._step = Step.EHLO_AGAIN
        return self._next()

    def tls_failed(self, detail: str) -> list[Event]:
        """Take in that TLS failed, in the handshake or later: there is no way left to say QUIT."""
        if self._step in LEAVING:
            return self._end()
        return [Judged(ProbeResult(Reason.TLS, self.phase, None, detail), detail), *self._end()]

    def _next(self) -> list[Event]:
        if self._step is Step.HANDSHAKE:
            return [Handshake()]
        if self._step not in COMMANDS:
            return []
        command = COMMANDS[self._step].format(helo=self._helo, recipient=self._recipient)
        return [Send(command.encode("ascii", "replace") + b"\r\n")]

    def _line(self, line: bytes) -> Iterable[Event]:
        match = _REPLY_LINE.fullmatch(line)
        if match is None:
            return self._malformed(line, "this is not an SMTP reply")
        if self._reply_octets > MAX_REPLY_OCTETS:
            return self._malformed(line, "a reply is too long")
        code, dash, text = match.groups()
        if self._code is None:
            self._code, self._text = code, printable(text or b"")
        elif code != self._code:
            return self._malformed(line, "the codes within one reply differ")
        elif text and code == b"250" and text.upper().split()[:1] == [b"STARTTLS"]:
            self._offers_tls = self._offers_tls or self._step is Step.EHLO
        return () if dash == b"-" else self._reply(int(code))

    def _reply(self, code: int) -> list[Event]:
        text = self._text
        self._greeted = True
        self._start_reply()
        if self._step is Step.QUIT:
            return self._end()
        if self._step is Step.RSET:
            return self._leave(Step.QUIT)
        after = self._table.get((self._step, code), self._table.get((self._step, code // 100)))
        if isinstance(after, Step):
            return self._go_on(after, code, text)
        reason = after or Reason.PROTOCOL
        detail = "" if after else f"{code} is no reply to this"
        phase = None if reason is Reason.OK else self.phase
        judged = Judged(ProbeResult(reason, phase, code, text), detail)
        # Only RCPT leaves a transaction open, and whoever closes with 421 hears no RSET.
        self._leave(Step.RSET if self._step is Step.RCPT and code != 421 else Step.QUIT)
        return [judged]

    def _go_on(self, after: Step, code: int, text: str) -> list[Event]:
        early = bytes(self._buffer)
        # A peer may give up at any time with a 421; anything else has to wait for our command. What
        # comes before a handshake is plain text that would count as protected (CVE-2011-0411).
        if early and (after is Step.HANDSHAKE or not b"421".startswith(early[:3])):
            return self._malformed(early, "the peer spoke before its turn")
        self._step = after
        if after is Step.STARTTLS and not self._offers_tls:
            judged = Judged(ProbeResult(Reason.TLS, self.phase, code, text), "it is not offered")
            self._leave(Step.QUIT)
            return [judged]
        return []

    def _malformed(self, line: bytes, detail: str) -> list[Event]:
        if self._step is Step.QUIT:
            return self._end()
        if self._step is Step.RSET:
            return self._leave(Step.QUIT)
        judged = Judged(ProbeResult(Reason.PROTOCOL, self.phase, None, printable(line)), detail)
        # A peer that took STARTTLS may be waiting for a handshake, and then QUIT is none.
        if not self._greeted or self._step is Step.STARTTLS:
            return [judged, *self._end()]
        self._leave(Step.QUIT)
        return [judged]

    def _leave(self, step: Step) -> list[Event]:
        # What came before our RSET or QUIT is no reply to it.
        self._buffer.clear()
        self._start_reply()
        self._step = step
        return []

    def _end(self) -> list[Event]:
        self._buffer.clear()
        self._step = Step.END
        return [Finished()]


def printable(line: bytes) -> str:
    """Return the start of what a peer sent, safe for a log or terminal: odd octets become ``?``."""
    line = line[:_MAX_TEXT_CHARACTERS].partition(b"\n")[0].removesuffix(b"\r")
    return line.translate(_TABS_TO_SPACES).translate(_PRINTABLE).decode("ascii").strip()
