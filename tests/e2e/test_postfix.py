"""A real Postfix, with and without postscreen, takes all checks, and finds no fault with them."""

import asyncio
import re
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.postfix import HOST, RECIPIENT, Postfix, postfix
from support.smtp_peers import PATIENT
from support.smtp_tls import issued, trusted

from rrdns.health.probe import probe
from rrdns.targets import Check, ProbeResult, Reason, Target

# What Postfix says of those who hurry, break off or break rules.
FAULTS = re.compile(
    r"warning|error|fatal|panic|PREGREET|PIPELINING|NON-SMTP|BARE NEWLINE|HANGUP|TIMEOUT|timeout"
    r"|lost connection|improper|too many errors|reject|refused"
)
# A deep test ends with this, once, for who is new; it is postscreen's way of greylisting.
GREYLISTED = "450 4.3.2 Service currently unavailable"
CHECKS = (Check.BANNER, Check.EHLO, Check.STARTTLS, Check.RCPT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postfix]:
    with pytest.MonkeyPatch.context() as patch, postfix(issued(HOST)) as running:
        patch.setenv("SSL_CERT_FILE", trusted(tmp_path_factory.mktemp("trust")))
        yield running


def ask(port: int, check: Check, address: str = "127.0.0.1", source: str | None = None) -> Target:
    settings = replace(
        PATIENT, port=port, check=check, recipient=RECIPIENT, verify=True, source_ipv4=source
    )
    return Target(address, settings, HOST)


def run(*targets: Target) -> list[ProbeResult]:
    async def all_at_once() -> list[ProbeResult]:
        return await asyncio.gather(*(probe(target, helo="probe.test") for target in targets))

    return asyncio.run(all_at_once())


def faults(server: Postfix) -> list[str]:
    return [line for line in server.log if FAULTS.search(line) and GREYLISTED not in line]


def test_smtpd(server: Postfix) -> None:
    places = (("127.0.0.1", server.plain), ("::1", server.plain6))
    targets = [ask(port, check, address) for address, port in places for check in CHECKS]
    results = run(*targets)
    assert [result.reason for result in results] == [Reason.OK] * 8
    assert [result.code for result in results] == [220, 250, 250, 250] * 2
    assert [result.tls is not None for result in results] == [False, False, True, False] * 2
    assert results[2].tls is not None
    assert (results[2].tls.version, results[2].tls.names) == ("TLSv1.3", (HOST,))
    server.wait_for(8, "]: disconnect from ")
    assert faults(server) == []


def test_postscreen(server: Postfix) -> None:
    # Each from an address of its own, so that each is a stranger to postscreen.
    targets = [
        ask(server.screened, check, source=f"127.0.0.{number}")
        for number, check in enumerate(CHECKS, start=21)
    ]
    strangers = run(*targets)
    assert [result.reason for result in strangers[:3]] == [Reason.OK] * 3
    assert all(result.seconds["banner"] > 0.9 for result in strangers)
    assert strangers[0].text == f"{HOST} waits to see who speaks first"
    rcpt = strangers[3]
    assert (rcpt.reason, rcpt.phase, rcpt.code) == (Reason.BUSY, "rcpt", 450)
    server.wait_for(4, "]: DISCONNECT [127.0.0.2")
    server.wait_for(1, "PASS NEW [127.0.0.24]")
    # Those who come again are known, and go on to smtpd.
    assert [result.reason for result in run(*targets)] == [Reason.OK] * 4
    server.wait_for(1, "PASS OLD [127.0.0.24]")
    assert faults(server) == []


def test_postscreen_does_see_who_hurries(server: Postfix) -> None:
    with socket.create_connection(
        ("127.0.0.1", server.screened), 20, source_address=("127.0.0.31", 0)
    ) as hasty:
        hasty.sendall(b"EHLO probe.test\r\nQUIT\r\n")
        while hasty.recv(4096):
            pass
    server.wait_for(1, "PREGREET")
    assert [line for line in faults(server) if "PREGREET" in line]
