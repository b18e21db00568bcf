"""One probe of one target over the network: connect, talk, judge, close.

A deadline runs on every phase and every buffer is bounded; how the probe ended is a `ProbeResult`,
never an exception. What is said comes from `rrdns.health.smtp`.
"""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final, Literal, NamedTuple

from rrdns.health.smtp import Dialogue, Event, Finished, Judged, Received, Send
from rrdns.targets import Check, Family, ProbeResult, ProbeSettings, Reason, Target

# What follows QUIT does not count, so it is not waited for as long as a command.
_QUIT_TIMEOUT_SECONDS: Final = 1.0
_READ_OCTETS: Final = 64 * 1024
_MAX_TRANSCRIPT_LINES: Final = 200
# Linux chooses the port only at connect, so that a source address has all ports for each target.
_IP_BIND_ADDRESS_NO_PORT: Final = 24
_FAMILIES: Final = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
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

    async def run(self) -> ProbeResult:
        try:
            sock = await self._connect()
            if self._settings.check is Check.TCP:
                sock.close()
                self._judge(ProbeResult(Reason.OK))
            else:
                await self._talk(sock)
        except TimeoutError:
            self._fail(Reason.TIMEOUT, f"timeout in {self._phase}")
        except OSError as error:
            self._fail(reason_of(error), error.strerror or str(error))
        assert self._result is not None  # noqa: S101 - every path above ends with a verdict
        self._lap()
        return replace(self._result, seconds=dict(self._seconds))

    async def _connect(self) -> socket.socket:
        target, settings = self._target, self._settings
        self._say("*", f"connecting to {target.address} port {settings.port}")
        sock = socket.socket(_FAMILIES[target.family], socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            _bind(sock, settings)
            async with asyncio.timeout(settings.connect_timeout_seconds):
                await asyncio.get_running_loop().sock_connect(sock, (target.address, settings.port))
        except BaseException:
            sock.close()
            raise
        return sock

    async def _talk(self, sock: socket.socket) -> None:
        dialogue = Dialogue(self._settings.check, self._helo or _address_literal(sock))
        self._enter(dialogue.phase, self._settings.banner_timeout_seconds)
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            while not dialogue.finished:
                async with asyncio.timeout_at(self._deadline):
                    data = await reader.read(_READ_OCTETS)
                for event in dialogue.receive(data) if data else dialogue.receive_eof():
                    self._act(event, dialogue, writer)
        finally:
            # Nothing is left to be sent that matters, and a close must not wait for the peer.
            writer.transport.abort()
            await asyncio.sleep(0)

    def _act(self, event: Event, dialogue: Dialogue, writer: asyncio.StreamWriter) -> None:
        match event:
            case Received(text):
                self._say("<", text)
            case Judged(result, detail):
                if detail:
                    self._say("*", detail)
                self._judge(result)
            case Send(data):
                self._say(">", data.decode("ascii").rstrip())
                timeout = self._settings.command_timeout_seconds
                if self._result is not None:
                    timeout = min(timeout, _QUIT_TIMEOUT_SECONDS)
                self._enter(dialogue.phase, timeout)
                writer.write(data)
            case Finished():
                self._say("*", "closing")

    def _enter(self, phase: str, timeout_seconds: float) -> None:
        self._lap()
        self._phase = phase
        self._deadline = self._phase_started + timeout_seconds

    def _lap(self) -> None:
        now = self._clock()
        spent = now - self._phase_started
        self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + spent
        self._phase_started = now

    def _judge(self, result: ProbeResult) -> None:
        self._lap()
        self._result = replace(result, seconds=dict(self._seconds))
        if self._on_verdict is not None:
            self._on_verdict(self._result)

    def _fail(self, reason: Reason, detail: str) -> None:
        self._say("*", detail)
        if self._result is None:
            self._judge(ProbeResult(reason, self._phase))

    def _say(self, direction: Literal["<", ">", "*"], text: str) -> None:
        if self._transcript is not None and len(self._transcript) < _MAX_TRANSCRIPT_LINES:
            seconds = self._clock() - self._started
            self._transcript.append(TranscriptLine(seconds, direction, text))


def _bind(sock: socket.socket, settings: ProbeSettings) -> None:
    v6 = sock.family == socket.AF_INET6
    source = settings.source_ipv6 if v6 else settings.source_ipv4
    if source is None:
        return
    if sys.platform == "linux":
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source, 0))


def _address_literal(sock: socket.socket) -> str:
    address = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if sock.family == socket.AF_INET6 else f"[{address}]"
