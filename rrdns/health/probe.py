"""One probe of one target over the network: connect, talk, judge, close.

A deadline runs on every phase and every buffer is bounded; how the probe ended is a `ProbeResult`,
never an exception. What is said comes from `rrdns.health.smtp`.
"""

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from rrdns.health.link import Link
from rrdns.health.smtp import (
    Dialogue,
    Event,
    Finished,
    Handshake,
    Judged,
    Received,
    Secured,
    Send,
)
from rrdns.targets import Check, Family, ProbeResult, Reason, Target, TlsSession

if TYPE_CHECKING:
    from rrdns.health.tls import TlsDialogue

# What follows QUIT does not count, so it is not waited for as long as a command.
_QUIT_TIMEOUT_SECONDS: Final = 1.0
_MAX_TRANSCRIPT_LINES: Final = 200
# Errors that the far end, or a router near it, told us. ConnectionError is among them; any other
# error is this machine's own trouble, because a target must not suffer for what we cannot place.
_FAR_ERRORS: Final = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENOPROTOOPT})


class TranscriptLine(NamedTuple):
    """What happened `seconds` after the start: ``<`` peer's line, ``>`` ours, ``*`` a remark."""

    seconds: float
    direction: Literal["<", ">", "*"]
    text: str


async def probe(
    target: Target,
    *,
    helo: str | None = None,
    on_verdict: Callable[[ProbeResult], None] | None = None,
    transcript: list[TranscriptLine] | None = None,
) -> ProbeResult:
    """Probe `target` once and return how it ended, with the seconds of each phase.

    `helo` is the name to say where the target's settings have none; None says an address literal
    (RFC 5321, section 4.1.3). `on_verdict` gets the result as soon as it is certain, before QUIT.
    `transcript` is appended to. Raises nothing but CancelledError; `settings.check` is not `none`.
    """
    return await _Probe(target, helo, on_verdict, transcript).run()


def full_host_name() -> str | None:
    """Return this machine's full host name, None if it has none; may wait for a resolver."""
    name = socket.gethostname()
    if not is_full_name(name):
        name = socket.getfqdn()
    return name if is_full_name(name) else None


def is_full_name(name: str) -> bool:
    """Tell whether a host name says more than a bare or a made-up one."""
    return "." in name.strip(".") and not name.endswith((".localdomain", ".localdomain6", ".arpa"))


def reason_of(error: OSError) -> Reason:
    """Return the reason that an error of the network counts as (design, section 5)."""
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT
    if isinstance(error, ConnectionError) or error.errno in _FAR_ERRORS:
        return Reason.UNREACHABLE
    return Reason.LOCAL


class _Probe:
    def __init__(
        self,
        target: Target,
        helo: str | None,
        on_verdict: Callable[[ProbeResult], None] | None,
        transcript: list[TranscriptLine] | None,
    ) -> None:
        self._target = target
        self._settings = target.settings
        self._helo = target.settings.helo or helo
        self._on_verdict = on_verdict
        self._transcript = transcript
        self._clock = asyncio.get_running_loop().time
        self._started = self._phase_started = self._clock()
        self._phase = "connect"
        self._seconds: dict[str, float] = {}
        self._result: ProbeResult | None = None
        # Made before it is needed, because the loop should not wait for what it loads.
        self._tls: TlsDialogue | None = None
        self._session: TlsSession | None = None
        self._link = Link(target, self._on_connected, self._on_data)

    async def run(self) -> ProbeResult:
        settings = self._settings
        self._say("*", f"connecting to {self._target.address} port {settings.port}")
        try:
            if settings.check is Check.STARTTLS:
                self._tls = await asyncio.to_thread(_open_tls, self._target)
                self._phase_started = self._clock()
            self._link.set_deadline(self._phase_started + settings.connect_timeout_seconds)
            self._link.open()
            await self._link.ended()
        except TimeoutError:
            self._fail(Reason.TIMEOUT, f"timeout in {self._phase}")
        except OSError as error:
            self._fail(reason_of(error), error.strerror or str(error))
        finally:
            self._link.close()
        assert self._result is not None  # noqa: S101 - every path above ends with a verdict
        self._lap()
        return replace(self._result, seconds=dict(self._seconds))

    def _on_connected(self) -> None:
        settings = self._settings
        if settings.check is Check.TCP:
            self._judge(ProbeResult(Reason.OK))
            self._link.close()
            return
        helo = self._helo or self._address_literal()
        self._dialogue = Dialogue(settings.check, helo, settings.recipient or "")
        self._talk: Dialogue | TlsDialogue = self._dialogue
        self._enter(self._dialogue.phase, settings.banner_timeout_seconds)

    def _on_data(self, data: bytes) -> None:
        events = self._talk.receive(data) if data else self._talk.receive_eof()
        if self._talk is self._tls:
            self._flush_tls()
        self._act(events)

    def _act(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Received():
                    if self._transcript is not None:
                        self._say("<", event.text)
                case Judged(result, detail):
                    if detail:
                        self._say("*", detail)
                    self._judge(result)
                case Send(data):
                    self._send(data)
                case Handshake():
                    self._start_tls()
                case Secured():
                    self._learn_session()
                case Finished():
                    self._finish()

    def _send(self, data: bytes) -> None:
        if self._transcript is not None:
            self._say(">", data.decode("ascii").rstrip())
        timeout = self._settings.command_timeout_seconds
        if self._result is not None:
            timeout = min(timeout, _QUIT_TIMEOUT_SECONDS)
        self._enter(self._dialogue.phase, timeout)
        if isinstance(self._talk, Dialogue):
            self._link.send(data)
        else:
            self._talk.encrypt(data)
            self._flush_tls()

    def _finish(self) -> None:
        self._say("*", "closing")
        if self._tls is not None and self._talk is self._tls:
            self._tls.end()
            self._flush_tls()
        self._link.close()

    def _start_tls(self) -> None:
        assert self._tls is not None  # noqa: S101 - only this check asks for a handshake
        self._talk = self._tls
        if self._transcript is not None:
            name = self._target.server_name or "no name"
            verified = "verified" if self._settings.verify else "not verified"
            self._say("*", f"TLS for {name}, certificates are {verified}")
        self._enter(self._dialogue.phase, self._settings.command_timeout_seconds)
        events = self._tls.start(self._dialogue)
        self._flush_tls()
        self._act(events)

    def _flush_tls(self) -> None:
        # What is wrong with the connection is told by the next read, after what came before it.
        assert self._tls is not None  # noqa: S101
        if outgoing := self._tls.outgoing():
            with suppress(OSError):
                self._link.send(outgoing)

    def _learn_session(self) -> None:
        if self._tls is None or self._session is not None or self._talk is not self._tls:
            return
        self._session = self._tls.session()
        if self._session is not None and self._transcript is not None:
            for remark in _remarks(self._session):
                self._say("*", remark)

    def _address_literal(self) -> str:
        address = self._link.own_address
        return f"[IPv6:{address}]" if self._target.family is Family.IPV6 else f"[{address}]"

    def _enter(self, phase: str, timeout_seconds: float) -> None:
        self._lap()
        self._phase = phase
        self._link.set_deadline(self._phase_started + timeout_seconds)

    def _lap(self) -> None:
        now = self._clock()
        spent = now - self._phase_started
        self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + spent
        self._phase_started = now

    def _judge(self, result: ProbeResult) -> None:
        self._lap()
        self._learn_session()
        self._result = replace(result, seconds=dict(self._seconds), tls=self._session)
        if self._on_verdict is not None:
            self._on_verdict(self._result)

    def _fail(self, reason: Reason, detail: str) -> None:
        self._say("*", detail)
        if self._result is None:
            # Nobody but this machine's kernel can tell what is wrong with this machine.
            text = detail if reason is Reason.LOCAL else None
            self._judge(ProbeResult(reason, self._phase, None, text))

    def _say(self, direction: Literal["<", ">", "*"], text: str) -> None:
        if self._transcript is not None and len(self._transcript) < _MAX_TRANSCRIPT_LINES:
            seconds = self._clock() - self._started
            self._transcript.append(TranscriptLine(seconds, direction, text))


def _open_tls(target: Target) -> "TlsDialogue":
    # Imported by those who need it: it takes as long as a start-up, and 10 MiB.
    from rrdns.health.tls import open_tls

    return open_tls(verify=target.settings.verify, server_name=target.server_name)


def _remarks(session: TlsSession) -> Iterator[str]:
    yield f"{session.version} with {session.cipher or 'no cipher yet'}"
    yield f"certificate for {', '.join(session.names) or 'no name'}"
    if session.earliest_expiry is not None:
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(session.earliest_expiry))
        days = int((session.earliest_expiry - time.time()) // 86400)
        yield f"the first certificate of its chain expires {at} ({days} days from now)"
