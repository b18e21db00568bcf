"""Where a probe comes from, what it calls itself and shows, and what is this machine's fault."""

import asyncio
import errno
import socket
from dataclasses import replace

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP
from support.smtp_peers import GOOD, PATIENT, ask, outcome, peer, script, target

from rrdns.health.probe import full_host_name, is_full_name, probe, reason_of
from rrdns.targets import ProbeResult, Reason


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
    text = "Cannot assign requested address"
    assert outcome(result) == (Reason.LOCAL, "connect", None, text)


def test_no_descriptor_left_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async def run() -> ProbeResult:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", refuse)
            return await probe(target(25))

    text = "Too many open files"
    assert outcome(asyncio.run(run())) == (Reason.LOCAL, "connect", None, text)


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
