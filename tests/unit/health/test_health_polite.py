"""Manners: a probe waits its turn, says one line at a time, and takes leave."""

import asyncio
from dataclasses import replace

import pytest
from support.smtp_peers import PATIENT, peer, target
from support.smtp_tls import context

from rrdns.health.probe import probe
from rrdns.targets import Check, ProbeResult

OFFER = b"250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
OK, BYE = b"250 ok\r\n", b"221-bye\r\n221 bye\r\n"
EHLO, QUIT, STARTTLS = (b"EHLO probe.test\r\n", OFFER), (b"QUIT\r\n", BYE), b"STARTTLS\r\n"
RCPT = b"RCPT TO:<postmaster@customer.test>\r\n"
# What is said, each with the reply to it.
DIALOGUES: dict[Check, list[tuple[bytes, bytes]]] = {
    Check.BANNER: [QUIT],
    Check.EHLO: [EHLO, QUIT],
    Check.STARTTLS: [EHLO, (STARTTLS, b"220 go\r\n"), EHLO, QUIT],
    Check.RCPT: [EHLO, (b"MAIL FROM:<>\r\n", OK), (RCPT, OK), (b"RSET\r\n", OK), QUIT],
}
LISTENING_SECONDS = 0.03


class Wary:
    """A peer that says its lines one by one, and listens between them for who cannot wait."""

    def __init__(self, check: Check) -> None:
        self.turns = DIALOGUES[check]
        self.faults: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.say(b"220-mx\r\n220-please wait\r\n220 ready\r\n", reader, writer)
        for expected, reply in self.turns:
            # All that one write brought: a second command in it would show.
            said = await reader.read(65536)
            if said != expected:
                self.faults.append(f"said {said!r} instead of {expected!r}")
            await self.say(reply, reader, writer)
            if expected == STARTTLS:
                await writer.start_tls(context())
        if rest := await reader.read():
            self.faults.append(f"said {rest!r} after QUIT")

    async def say(
        self, reply: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        pieces = [
            piece for line in reply.splitlines(keepends=True) for piece in (line[:2], line[2:])
        ]
        for number, piece in enumerate(pieces, start=1):
            writer.write(piece)
            await writer.drain()
            if number < len(pieces):
                await self.listen(reader)

    async def listen(self, reader: asyncio.StreamReader) -> None:
        try:
            early = await asyncio.wait_for(reader.read(65536), LISTENING_SECONDS)
        except TimeoutError:
            return
        self.faults.append(f"said {early!r} too early")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("check", DIALOGUES)
def test_manners(check: Check, address: str) -> None:
    wary = Wary(check)
    settings = replace(PATIENT, check=check, recipient="postmaster@customer.test")

    async def run() -> ProbeResult:
        async with peer(wary, address) as port:
            return await probe(target(port, settings, address), helo="probe.test")

    result = asyncio.run(run())
    assert wary.faults == []
    assert result.ok
    assert "quit" in result.seconds
