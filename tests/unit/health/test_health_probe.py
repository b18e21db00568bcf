"""The probe against real peers on loopback, good and bad; deadlines are scaled down."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP

from rrdns.health.probe import TranscriptLine, full_host_name, is_full_name, probe, reason_of
from rrdns.model import Check, ProbeResult, ProbeSettings, Reason, Target

FAST = ProbeSettings(
    connect_timeout_seconds=0.3, banner_timeout_seconds=0.3, command_timeout_seconds=0.3
)
PATIENT = ProbeSettings(
    connect_timeout_seconds=30, banner_timeout_seconds=30, command_timeout_seconds=30
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(handler: Handler, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve `handler` on a free port; its errors are its own business, peers do go away."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(serve, address, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await done.wait()


def script(*turns: bytes, pause: float = 0.0, piece: int = 65536) -> Handler:
    """Say `turns`, a command of the peer's before each but the first, in pieces."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, turn in enumerate(turns):
            if number:
                await reader.readuntil(b"\r\n")
            for start in range(0, len(turn), piece):
                writer.write(turn[start : start + piece])
                await writer.drain()
                await asyncio.sleep(pause)
        if turns[-1].startswith(b"221"):
            assert await reader.read() == b""

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing until the peer goes."""
    await reader.read()


def target(port: int, settings: ProbeSettings = PATIENT, address: str = "127.0.0.1") -> Target:
    return Target(address, replace(settings, port=port))


def ask(
    handler: Handler,
    settings: ProbeSettings = PATIENT,
    address: str = "127.0.0.1",
    helo: str | None = "probe.test",
) -> tuple[ProbeResult, list[TranscriptLine]]:
    """Probe a peer that serves `handler`."""

    async def run() -> tuple[ProbeResult, list[TranscriptLine]]:
        transcript: list[TranscriptLine] = []
        async with peer(handler, address) as port:
            result = await probe(target(port, settings, address), helo=helo, transcript=transcript)
        return result, transcript

    return asyncio.run(run())


def outcome(result: ProbeResult) -> tuple[Reason, str | None, int | None, str | None]:
    return result.reason, result.phase, result.code, result.text


GOOD = (b"220-mx\r\n220 ready\r\n", b"250-mx hello\r\n250 SIZE\r\n", b"221 bye\r\n")
FLOOD = b"220-" + b"x" * 96 + b"\r\n"


@pytest.mark.parametrize(
    ("handler", "settings", "expected"),
    [
        (script(*GOOD), PATIENT, (Reason.OK, None, 250, "mx hello")),
        (script(*GOOD, piece=1, pause=0.001), PATIENT, (Reason.OK, None, 250, "mx hello")),
        (script(*GOOD[:2]), PATIENT, (Reason.OK, None, 250, "mx hello")),
        (
            script(GOOD[0], b"500 what\r\n", b"250 old\r\n", b"221\r\n"),
            PATIENT,
            (Reason.OK, None, 250, "old"),
        ),
        (
            script(b"220 mx\r\n", b"221\r\n"),
            replace(PATIENT, check=Check.BANNER),
            (Reason.OK, None, 220, "mx"),
        ),
        (silent, replace(PATIENT, check=Check.TCP), (Reason.OK, None, None, None)),
        (silent, FAST, (Reason.TIMEOUT, "banner", None, None)),
        (
            script(b"220-mx\r\n" * 20, pause=0.1, piece=8),
            FAST,
            (Reason.TIMEOUT, "banner", None, None),
        ),
        (script(b"421 busy\r\n", b"221\r\n"), PATIENT, (Reason.BUSY, "banner", 421, "busy")),
        (script(b"554 no\r\n", b"221\r\n"), PATIENT, (Reason.REJECTED, "banner", 554, "no")),
        (script(b"SSH-2.0-x\r\n"), PATIENT, (Reason.PROTOCOL, "banner", None, "SSH-2.0-x")),
        (script(b"220 mx"), PATIENT, (Reason.PROTOCOL, "banner", None, "220 mx")),
        (script(b""), PATIENT, (Reason.PROTOCOL, "banner", None, None)),
        (script(b"220 mx\r\n", b""), PATIENT, (Reason.PROTOCOL, "ehlo", None, None)),
        (script(FLOOD * 10_300), PATIENT, (Reason.PROTOCOL, "banner", None, "220-" + "x" * 96)),
        (script(b"x" * 2**20), PATIENT, (Reason.PROTOCOL, "banner", None, "x" * 200)),
    ],
)
def test_outcomes(
    handler: Handler,
    settings: ProbeSettings,
    expected: tuple[Reason, str | None, int | None, str | None],
) -> None:
    result, _ = ask(handler, settings)
    assert outcome(result) == expected


def test_a_peer_that_falls_silent_after_its_greeting() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.read()

    result, transcript = ask(handler, FAST)
    assert outcome(result) == (Reason.TIMEOUT, "ehlo", None, None)
    assert [*result.seconds] == ["connect", "banner", "ehlo"]
    assert 0.25 <= result.seconds["ehlo"] < 5
    assert transcript[-1][1:] == ("*", "timeout in ehlo")


def test_a_half_closed_peer_still_gets_our_commands() -> None:
    heard = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        writer.write_eof()
        heard.append(await reader.read())

    result, _ = ask(handler)
    assert outcome(result) == (Reason.PROTOCOL, "ehlo", None, None)
    assert heard == [b"EHLO probe.test\r\n"]


def test_a_reset_in_the_middle() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readuntil(b"\n")
        # A close that lingers for no time is a reset.
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    result, _ = ask(handler)
    assert outcome(result) == (Reason.UNREACHABLE, "ehlo", None, None)


def test_a_peer_that_answers_quit_late_delays_no_verdict() -> None:
    async def run() -> None:
        verdicts: list[ProbeResult] = []
        quitting = asyncio.Event()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mx\r\n")
            await reader.readuntil(b"\n")
            writer.write(b"250 mx\r\n")
            assert await reader.readuntil(b"\n") == b"QUIT\r\n"
            quitting.set()
            await reader.read()

        async with peer(handler) as port:
            probing = asyncio.create_task(
                probe(target(port, FAST), helo="probe.test", on_verdict=verdicts.append)
            )
            await quitting.wait()
            assert [outcome(verdict) for verdict in verdicts] == [(Reason.OK, None, 250, "mx")]
            assert [*verdicts[0].seconds] == ["connect", "banner", "ehlo"]
            assert not probing.done()
            result = await probing
        assert outcome(result) == outcome(verdicts[0])
        assert [*result.seconds] == ["connect", "banner", "ehlo", "quit"]
        assert 0.25 <= result.seconds["quit"] < 5
        assert len(verdicts) == 1

    asyncio.run(run())


@pytest.mark.parametrize("check", [Check.TCP, Check.EHLO])
def test_a_refusing_port(check: Check) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = asyncio.run(probe(target(port, replace(PATIENT, check=check))))
    assert outcome(result) == (Reason.UNREACHABLE, "connect", None, None)
    assert [*result.seconds] == ["connect"]


def test_a_peer_that_accepts_no_connection() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        try:
            # The kernel drops what comes after its queue is full, as a packet filter would.
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            result = asyncio.run(probe(target(port, FAST)))
        finally:
            for filler in fillers:
                filler.close()
    assert outcome(result) == (Reason.TIMEOUT, "connect", None, None)
    assert 0.25 <= result.seconds["connect"] < 5


def test_a_tcp_check_says_nothing() -> None:
    heard = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    result, _ = ask(handler, replace(PATIENT, check=Check.TCP))
    assert (result.reason, [*result.seconds]) == (Reason.OK, ["connect"])
    assert heard == [b""]


@pytest.mark.parametrize(
    ("address", "configured", "helo", "said"),
    [
        ("127.0.0.1", None, "probe.test", "EHLO probe.test"),
        ("127.0.0.1", "own.test", "probe.test", "EHLO own.test"),
        ("127.0.0.1", None, None, "EHLO [127.0.0.1]"),
        ("::1", None, None, "EHLO [IPv6:::1]"),
    ],
)
def test_helo(address: str, configured: str | None, helo: str | None, said: str) -> None:
    _, transcript = ask(script(*GOOD), replace(PATIENT, helo=configured), address, helo)
    assert said in [line.text for line in transcript if line.direction == ">"]


def test_the_source_address() -> None:
    sources = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sources.append(writer.get_extra_info("peername")[0])

    ask(handler, replace(PATIENT, source_ipv4="127.0.0.9"))
    ask(handler, replace(PATIENT, source_ipv6="::1"), "::1")
    assert sources == ["127.0.0.9", "::1"]


def test_a_source_address_that_this_machine_lacks_blames_nobody() -> None:
    settings = replace(PATIENT, source_ipv4="192.0.2.99")
    result = asyncio.run(probe(target(25, settings)))
    assert outcome(result) == (Reason.LOCAL, "connect", None, None)


def test_no_descriptor_left_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async def run() -> ProbeResult:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", refuse)
            return await probe(target(25))

    assert outcome(asyncio.run(run())) == (Reason.LOCAL, "connect", None, None)


def test_the_transcript() -> None:
    _, transcript = ask(script(*GOOD))
    assert [line[1:] for line in transcript[1:]] == [
        ("<", "220-mx"),
        ("<", "220 ready"),
        (">", "EHLO probe.test"),
        ("<", "250-mx hello"),
        ("<", "250 SIZE"),
        (">", "QUIT"),
        ("<", "221 bye"),
        ("*", "closing"),
    ]
    assert transcript[0].text.startswith("connecting to 127.0.0.1 port ")
    seconds = [line.seconds for line in transcript]
    assert seconds == sorted(seconds)


def test_the_transcript_is_bounded_and_says_what_was_wrong() -> None:
    _, transcript = ask(script(b"220-\r\n" * 5000 + b"220 \r\n", *GOOD[1:]))
    assert len(transcript) == 200
    _, transcript = ask(script(b"SSH-2.0-x\r\n"))
    assert ("*", "this is not an SMTP reply") in [line[1:] for line in transcript]


def test_a_cancelled_probe_closes_its_connection() -> None:
    async def run() -> None:
        came, gone = asyncio.Event(), asyncio.Event()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set()
            await reader.read()
            gone.set()

        async with peer(handler) as port:
            task = asyncio.create_task(probe(target(port)))
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(gone.wait(), 10)

    asyncio.run(run())


def test_a_real_smtp_server() -> None:
    async def run() -> ProbeResult:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(Sink(), hostname="mx.test", loop=loop), "127.0.0.1", 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await probe(target(port), helo="probe.test")

    result = asyncio.run(run())
    assert outcome(result) == (Reason.OK, None, 250, "mx.test")
    assert [*result.seconds] == ["connect", "banner", "ehlo", "quit"]
    assert all(seconds >= 0 for seconds in result.seconds.values())


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ECONNREFUSED, Reason.UNREACHABLE),
        (errno.ECONNRESET, Reason.UNREACHABLE),
        (errno.ECONNABORTED, Reason.UNREACHABLE),
        (errno.EPIPE, Reason.UNREACHABLE),
        (errno.EHOSTUNREACH, Reason.UNREACHABLE),
        (errno.EHOSTDOWN, Reason.UNREACHABLE),
        (errno.ENOPROTOOPT, Reason.UNREACHABLE),
        (errno.ETIMEDOUT, Reason.TIMEOUT),
        (errno.ENETUNREACH, Reason.LOCAL),
        (errno.ENETDOWN, Reason.LOCAL),
        (errno.EADDRNOTAVAIL, Reason.LOCAL),
        (errno.EADDRINUSE, Reason.LOCAL),
        (errno.EAFNOSUPPORT, Reason.LOCAL),
        (errno.EMFILE, Reason.LOCAL),
        (errno.ENFILE, Reason.LOCAL),
        (errno.ENOBUFS, Reason.LOCAL),
        (errno.ENOMEM, Reason.LOCAL),
        (errno.EPERM, Reason.LOCAL),
        (errno.EACCES, Reason.LOCAL),
        (errno.EINVAL, Reason.LOCAL),
    ],
)
def test_reason_of(number: int, reason: Reason) -> None:
    assert reason_of(OSError(number, "text")) is reason


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("ns1.example.com", True),
        ("ns1", False),
        ("ns1.", False),
        ("localhost.localdomain", False),
        ("localhost6.localdomain6", False),
        ("1.2.0.192.in-addr.arpa", False),
    ],
)
def test_full_host_name(name: str, full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_full_name(name) is full
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    monkeypatch.setattr(socket, "getfqdn", lambda: name)
    assert full_host_name() == (name if full else None)
