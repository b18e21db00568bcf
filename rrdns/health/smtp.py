"""The SMTP dialogue of a probe, without I/O: bytes in, events out.

Rules of this room: no socket, no clock, no logging. Whoever owns the socket feeds what it read to
`Dialogue.receive` (or `receive_eof`) and carries out the events in their order; deadlines are its
business too, `Dialogue.phase` tells which one runs. Arbitrary bytes never raise: what is not SMTP
ends as the reason `protocol`. What follows which reply is a table, a step for each reply that is
waited for; a deeper check adds rows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from rrdns.targets import Check, ProbeResult, Reason

MAX_REPLY_OCTETS: Final = 64 * 1024
MAX_LINE_OCTETS: Final = 2048
_MAX_TEXT_CHARACTERS: Final = 200

_REPLY_LINE: Final = re.compile(rb"([0-9]{3})(?:([ -])(.*))?", re.DOTALL)
_PRINTABLE: Final = bytes(octet if 0x20 <= octet <= 0x7E else ord("?") for octet in range(256))
_TABS_TO_SPACES: Final = bytes.maketrans(b"\t", b" ")


class _Step(Enum):
    """Which reply is waited for."""

    GREETING = auto()
    EHLO = auto()
    HELO = auto()
    QUIT = auto()
    END = auto()


_PHASES: Final = {
    _Step.GREETING: "banner",
    _Step.EHLO: "ehlo",
    _Step.HELO: "ehlo",
    _Step.QUIT: "quit",
    _Step.END: "quit",
}
_COMMANDS: Final = {
    _Step.EHLO: "EHLO {helo}",
    _Step.HELO: "HELO {helo}",
    _Step.QUIT: "QUIT",
}

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
_TABLES: Final[Mapping[Check, _Table]] = MappingProxyType(
    {Check.BANNER: _BANNER, Check.EHLO: _EHLO}
)


@dataclass(frozen=True, slots=True)
class Received:
    """A line that the peer sent, printable, without its end; for a transcript."""

    text: str


@dataclass(frozen=True, slots=True)
class Send:
    """One command to write, with its CRLF; its reply is to be waited for."""

    data: bytes


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


Event = Received | Send | Judged | Finished


class Dialogue:
    """One dialogue with one peer (RFC 5321, sections 3.1, 4.2 and 4.5.3.1.5).

    Opens without a word: the peer speaks first. Raises KeyError for a check that has no dialogue.
    """

    def __init__(self, check: Check, helo: str) -> None:
        self._table = _TABLES[check]
        self._helo = helo
        self._step = _Step.GREETING
        self._greeted = False
        self._buffer = bytearray()
        self._start_reply()

    def _start_reply(self) -> None:
        self._code: int | None = None
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
        if self.finished:
            return []
        before = self._step
        events: list[Event] = []
        self._buffer += data
        while not self.finished and (line := self._take_line()) is not None:
            events.append(Received(printable(line)))
            events += self._line(line)
        if not self.finished and len(self._buffer) > MAX_LINE_OCTETS:
            events += self._malformed(bytes(self._buffer), "a line is too long")
        if self._step is not before and self._step in _COMMANDS:
            command = _COMMANDS[self._step].format(helo=self._helo)
            events.append(Send(command.encode("ascii", "replace") + b"\r\n"))
        return events

    def receive_eof(self) -> list[Event]:
        """Take in that the peer closed; return what to do."""
        if self.finished:
            return []
        events: list[Event] = []
        if self._step is not _Step.QUIT:
            text = self._text or printable(bytes(self._buffer)) or None
            result = ProbeResult(Reason.PROTOCOL, self.phase, self._code, text)
            events.append(Judged(result, "the peer closed the connection in the middle"))
        self._step = _Step.END
        return [*events, Finished()]

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if not 0 <= end <= MAX_LINE_OCTETS:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._reply_octets += end + 1
        return line.removesuffix(b"\r")

    def _line(self, line: bytes) -> list[Event]:
        match = _REPLY_LINE.fullmatch(line)
        if match is None:
            return self._malformed(line, "this is not an SMTP reply")
        if self._reply_octets > MAX_REPLY_OCTETS:
            return self._malformed(line, "a reply is too long")
        code = int(match[1])
        if self._code is None:
            self._code, self._text = code, printable(match[3] or b"")
        elif code != self._code:
            return self._malformed(line, "the codes within one reply differ")
        return [] if match[2] == b"-" else self._reply(code)

    def _reply(self, code: int) -> list[Event]:
        text = self._text
        self._greeted = True
        self._start_reply()
        if self._step is _Step.QUIT:
            return self._end()
        after = self._table.get((self._step, code), self._table.get((self._step, code // 100)))
        if isinstance(after, _Step):
            # A peer may give up at any time with a 421; anything else has to wait for our command.
            if not b"421".startswith(self._buffer[:3]):
                return self._malformed(bytes(self._buffer), "the peer spoke before its turn")
            self._step = after
            return []
        reason = after or Reason.PROTOCOL
        detail = "" if after else f"{code} is no reply to this"
        phase = None if reason is Reason.OK else self.phase
        self._quit()
        return [Judged(ProbeResult(reason, phase, code, text), detail)]

    def _malformed(self, line: bytes, detail: str) -> list[Event]:
        if self._step is _Step.QUIT:
            return self._end()
        judged = Judged(ProbeResult(Reason.PROTOCOL, self.phase, None, printable(line)), detail)
        if not self._greeted:
            return [judged, *self._end()]
        self._quit()
        return [judged]

    def _quit(self) -> None:
        # What came before our QUIT is no reply to it.
        self._buffer.clear()
        self._start_reply()
        self._step = _Step.QUIT

    def _end(self) -> list[Event]:
        self._step = _Step.END
        return [Finished()]


def printable(line: bytes) -> str:
    """Return the start of what a peer sent, safe for a log or terminal: odd octets become ``?``."""
    line = line[:_MAX_TEXT_CHARACTERS].partition(b"\n")[0].removesuffix(b"\r")
    return line.translate(_TABS_TO_SPACES).translate(_PRINTABLE).decode("ascii").strip()
