"""What a probe does besides its verdict: see the zoo for verdicts. Deadlines are scaled down."""

import asyncio
import socket
from dataclasses import replace

import pytest
from support.smtp_peers import (
    FAST,
    PATIENT,
    ask,
    outcome,
    peer,
    target,
)

from rrdns.health.probe import probe
from rrdns.targets import Check, ProbeResult, Reason


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
