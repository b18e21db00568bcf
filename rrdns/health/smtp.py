"""The SMTP dialogue of a probe, without I/O: bytes in, events out.

Rules of this room: no socket, no clock, no logging. Whoever owns the socket feeds what it read to
`Dialogue.receive` (or `receive_eof`) and carries out the events in their order; deadlines and the
handshake of TLS are its business too, `Dialogue.phase` tells which phase runs. Arbitrary bytes
never raise: what is not SMTP ends as the reason `protocol`. What follows which reply is a table, a
step for each reply that is waited for; a deeper check adds rows.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, NamedTuple

from rrdns.targets import Check, ProbeResult, Reason

MAX_REPLY_OCTETS: Final = 64 * 1024
MAX_LINE_OCTETS: Final = 2048
_MAX_TEXT_CHARACTERS: Final = 200

_REPLY_LINE: Final = re.compile(rb"([0-9]{3})(?:([ -])(.*))?", re.DOTALL)
_PRINTABLE: Final = bytes(octet if 0x20 <= octet <= 0x7E else ord("?") for octet in range(256))
_TABS_TO_SPACES: Final = bytes.maketrans(b"\t", b" ")


class _Step(Enum):
    """Which reply is waited for; at HANDSHAKE it is the end of TLS's handshake."""

    GREETING = auto()
    EHLO = auto()
    HELO = auto()
    STARTTLS = auto()
    HANDSHAKE = auto()
    EHLO_AGAIN = auto()
    MAIL = auto()
    RCPT = auto()
    RSET = auto()
    QUIT = auto()
    END = auto()


_PHASES: Final = {
    _Step.GREETING: "banner",
    _Step.EHLO: "ehlo",
    _Step.HELO: "ehlo",
    _Step.STARTTLS: "starttls",
    _Step.HANDSHAKE: "tls",
    _Step.EHLO_AGAIN: "ehlo",
    _Step.MAIL: "mail",
    _Step.RCPT: "rcpt",
    # The verdict stands by then: what is left is to take leave.
    _Step.RSET: "quit",
    _Step.QUIT: "quit",
    _Step.END: "quit",
}
_COMMANDS: Final = {
    _Step.EHLO: "EHLO {helo}",
    _Step.HELO: "HELO {helo}",
    _Step.STARTTLS: "STARTTLS",
    _Step.EHLO_AGAIN: "EHLO {helo}",
    _Step.MAIL: "MAIL FROM:<>",
    _Step.RCPT: "RCPT TO:<{recipient}>",
    _Step.RSET: "RSET",
    _Step.QUIT: "QUIT",
}
_LEAVING: Final = frozenset({_Step.RSET, _Step.QUIT})

# What a reply leads to, by its whole code or by its first digit: the next step, or the end of the
# dialogue with a reason. A reply that has no row is not what SMTP says at this place: `protocol`.
_Table = Mapping[tuple[_Step, int], "_Step | Reason"]
_BANNER: Final[_Table] = {
    (_Step.GREETING, 220): Reason.OK,
    (_Step.GREETING, 4): Reason.BUSY,
    (_Step.GREETING, 5): Reason.REJECTED,
}
_EHLO: Final[_Table] = {
    **_BANNER,
    (_Step.GREETING, 220): _Step.EHLO,
    (_Step.EHLO, 250): Reason.OK,
    (_Step.EHLO, 4): Reason.BUSY,
    (_Step.EHLO, 5): _Step.HELO,
    (_Step.HELO, 250): Reason.OK,
    (_Step.HELO, 4): Reason.BUSY,
    (_Step.HELO, 5): Reason.REJECTED,
}
_STARTTLS: Final[_Table] = {
    **_EHLO,
    (_Step.EHLO, 250): _Step.STARTTLS,
    (_Step.HELO, 250): _Step.STARTTLS,
    (_Step.STARTTLS, 220): _Step.HANDSHAKE,
    # Whoever closes says so of itself and not of TLS.
    (_Step.STARTTLS, 421): Reason.BUSY,
    (_Step.STARTTLS, 4): Reason.TLS,
    (_Step.STARTTLS, 5): Reason.TLS,
    (_Step.EHLO_AGAIN, 250): Reason.OK,
    (_Step.EHLO_AGAIN, 4): Reason.BUSY,
    (_Step.EHLO_AGAIN, 5): Reason.REJECTED,
}
_RCPT: Final[_Table] = {
    **_EHLO,
    (_Step.EHLO, 250): _Step.MAIL,
    (_Step.HELO, 250): _Step.MAIL,
    (_Step.MAIL, 250): _Step.RCPT,
    (_Step.MAIL, 4): Reason.BUSY,
    (_Step.MAIL, 5): Reason.REJECTED,
    (_Step.RCPT, 250): Reason.OK,
    (_Step.RCPT, 251): Reason.OK,
    (_Step.RCPT, 4): Reason.BUSY,
    (_Step.RCPT, 5): Reason.REJECTED,
}
_TABLES: Final[Mapping[Check, _Table]] = MappingProxyType(
    {Check.BANNER: _BANNER, Check.EHLO: _EHLO, Check.STARTTLS: _STARTTLS, Check.RCPT: _RCPT}
)


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
    """TLS is to be negotiated now; `tls_established` or `tls_failed` tells how that ended."""


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


Event = Received | Send | Handshake | Judged | Finished


class Dialogue:
    """One dialogue with one peer (RFC 5321, sections 3.1, 4.2 and 4.5.3.1.5; RFC 3207).

    Opens without a word: the peer speaks first. Raises KeyError for a check that has no dialogue.
    """

    def __init__(self, check: Check, helo: str, recipient: str = "") -> None:
        self._table = _TABLES[check]
        self._helo = helo
        self._recipient = recipient
        self._step = _Step.GREETING
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
        return _PHASES[self._step]

    @property
    def finished(self) -> bool:
        """Whether nothing more is expected."""
        return self._step is _Step.END

    def receive(self, data: bytes) -> list[Event]:
        """Take in what was read; return what to do, with at most one `Send`, in order."""
        before = self._step
        if before is _Step.END:
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
        if self._step in _LEAVING:
            return self._end()
        text = self._text or printable(bytes(self._buffer)) or None
        code = int(self._code) if self._code else None
        result = ProbeResult(Reason.PROTOCOL, self.phase, code, text)
        return [Judged(result, "the peer closed the connection in the middle"), *self._end()]

    def tls_established(self) -> list[Event]:
        """Take in that the handshake succeeded; all is asked anew (RFC 3207, section 4.2)."""
        self._step = _Step.EHLO_AGAIN
        return self._next()

    def tls_failed(self, detail: str) -> list[Event]:
        """Take in that TLS failed, in the handshake or later: there is no way left to say QUIT."""
        if self._step in _LEAVING:
            return self._end()
        return [Judged(ProbeResult(Reason.TLS, self.phase, None, detail), detail), *self._end()]

    def _next(self) -> list[Event]:
        if self._step is _Step.HANDSHAKE:
            return [Handshake()]
        if self._step not in _COMMANDS:
            return []
        command = _COMMANDS[self._step].format(helo=self._helo, recipient=self._recipient)
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
        elif self._step is _Step.EHLO and text and text[:8].upper().split() == [b"STARTTLS"]:
            self._offers_tls = True
        return () if dash == b"-" else self._reply(int(code))

    def _reply(self, code: int) -> list[Event]:
        text = self._text
        self._greeted = True
        self._start_reply()
        if self._step is _Step.QUIT:
            return self._end()
        if self._step is _Step.RSET:
            return self._leave(_Step.QUIT)
        after = self._table.get((self._step, code), self._table.get((self._step, code // 100)))
        if isinstance(after, _Step):
            return self._go_on(after, code, text)
        reason = after or Reason.PROTOCOL
        detail = "" if after else f"{code} is no reply to this"
        phase = None if reason is Reason.OK else self.phase
        judged = Judged(ProbeResult(reason, phase, code, text), detail)
        # Only RCPT leaves a transaction open, and whoever closes with 421 hears no RSET.
        self._leave(_Step.RSET if self._step is _Step.RCPT and code != 421 else _Step.QUIT)
        return [judged]

    def _go_on(self, after: _Step, code: int, text: str) -> list[Event]:
        early = bytes(self._buffer)
        # A peer may give up at any time with a 421; anything else has to wait for our command. What
        # comes before a handshake is plain text that would count as protected (CVE-2011-0411).
        if early and (after is _Step.HANDSHAKE or not b"421".startswith(early[:3])):
            return self._malformed(early, "the peer spoke before its turn")
        self._step = after
        if after is _Step.STARTTLS and not self._offers_tls:
            judged = Judged(ProbeResult(Reason.TLS, self.phase, code, text), "it is not offered")
            self._leave(_Step.QUIT)
            return [judged]
        return []

    def _malformed(self, line: bytes, detail: str) -> list[Event]:
        if self._step is _Step.QUIT:
            return self._end()
        if self._step is _Step.RSET:
            return self._leave(_Step.QUIT)
        judged = Judged(ProbeResult(Reason.PROTOCOL, self.phase, None, printable(line)), detail)
        # A peer that took STARTTLS may be waiting for a handshake, and then QUIT is none.
        if not self._greeted or self._step is _Step.STARTTLS:
            return [judged, *self._end()]
        self._leave(_Step.QUIT)
        return [judged]

    def _leave(self, step: _Step) -> list[Event]:
        # What came before our RSET or QUIT is no reply to it.
        self._buffer.clear()
        self._start_reply()
        self._step = step
        return []

    def _end(self) -> list[Event]:
        self._buffer.clear()
        self._step = _Step.END
        return [Finished()]


def printable(line: bytes) -> str:
    """Return the start of what a peer sent, safe for a log or terminal: odd octets become ``?``."""
    line = line[:_MAX_TEXT_CHARACTERS].partition(b"\n")[0].removesuffix(b"\r")
    return line.translate(_TABS_TO_SPACES).translate(_PRINTABLE).decode("ascii").strip()
