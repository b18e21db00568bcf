"""What a probe learns of TLS, which name it asks for, whom it trusts, and how it takes leave."""

import asyncio
import os
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from support.smtp_peers import PATIENT, Handler, outcome, peer
from support.smtp_tls import (
    EXPIRED,
    INSIDE,
    NAME,
    SOON,
    TlsByHand,
    context,
    issued,
    secured,
    trusted,
    until_go,
)

from rrdns.health.probe import TranscriptLine, probe
from rrdns.targets import Check, ProbeResult, Reason, Target

STARTTLS = replace(PATIENT, check=Check.STARTTLS)


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    path = trusted(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", path)
    return path


def ask(
    handler: Handler, *, verify: bool = False, name: str | None = NAME
) -> tuple[ProbeResult, list[str]]:
    """Probe with STARTTLS; return the result and the transcript."""

    async def run() -> tuple[ProbeResult, list[TranscriptLine]]:
        lines: list[TranscriptLine] = []
        async with peer(handler) as port:
            settings = replace(STARTTLS, port=port, verify=verify)
            target = Target("127.0.0.1", settings, name)
            return await probe(target, helo="probe.test", transcript=lines), lines

    result, lines = asyncio.run(run())
    return result, [f"{line.direction} {line.text}" for line in lines]


def test_the_session_of_a_good_peer() -> None:
    result, transcript = ask(secured(lambda: context(version=ssl.TLSVersion.TLSv1_3)))
    assert outcome(result) == (Reason.OK, None, 250, "inside")
    assert result.tls is not None
    assert (result.tls.version, result.tls.names) == ("TLSv1.3", (NAME,))
    assert result.tls.earliest_expiry == SOON.timestamp()
    assert result.tls.cipher is not None
    assert [*result.seconds] == ["connect", "banner", "ehlo", "starttls", "tls", "quit"]
    assert transcript[1:9] == [
        "< 220-mx",
        "< 220 ready",
        "> EHLO probe.test",
        "< 250-mx",
        "< 250-SIZE",
        "< 250 STARTTLS",
        "> STARTTLS",
        "< 220 go",
    ]
    assert transcript[9] == f"* TLS for {NAME}, certificates are not verified"
    assert transcript[10] == f"* TLSv1.3 with {result.tls.cipher}"
    assert transcript[11] == f"* certificate for {NAME}"
    expires = "* the first certificate of its chain expires 2100-01-01 00:00:00 UTC ("
    assert transcript[12].startswith(expires)
    assert transcript[13:] == [
        "> EHLO probe.test",
        "< 250-inside",
        "< 250 SIZE",
        "> QUIT",
        "< 221 bye",
        "* closing",
    ]


def test_no_other_check_looks_at_tls() -> None:
    async def run() -> ProbeResult:
        async with peer(secured()) as port:
            target = Target("127.0.0.1", replace(PATIENT, port=port), NAME)
            return await probe(target, helo="probe.test")

    assert asyncio.run(run()).tls is None


@pytest.mark.parametrize("verify", [False, True])
def test_an_expired_certificate_is_told_of_whether_it_counts_or_not(verify: bool) -> None:
    expired = issued(NAME, "mx2.example.com", not_after=EXPIRED)
    result, transcript = ask(secured(lambda: context(expired)), verify=verify)
    assert result.reason is (Reason.TLS if verify else Reason.OK)
    assert result.tls is not None
    assert result.tls.earliest_expiry == EXPIRED.timestamp()
    assert result.tls.names == (NAME, "mx2.example.com")
    assert ("* certificate has expired" in transcript) is verify
    assert [line for line in transcript if "expires 2021-01-01 00:00:00 UTC (-" in line]


def test_a_handshake_without_a_certificate_tells_nothing() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_go(reader, writer)
        await reader.read(65536)

    result, _ = ask(handler)
    assert (result.reason, result.phase, result.tls) == (Reason.TLS, "tls", None)


def asked_names(name: str | None) -> list[str | None]:
    asked: list[str | None] = []

    def make() -> ssl.SSLContext:
        made = context()
        made.sni_callback = lambda _, server_name, __: asked.append(server_name)
        return made

    result, _ = ask(secured(make), name=name)
    assert result.ok
    return asked


def test_the_name_that_is_asked_for() -> None:
    assert asked_names(NAME) == [NAME]
    assert asked_names("mx_1.example.com") == ["mx_1.example.com"]
    assert asked_names(None) == [None]


@pytest.mark.parametrize(
    ("names", "ours", "asked", "verified"),
    [
        ((NAME,), True, NAME, True),
        (("mx2.example.com", NAME), True, NAME, True),
        (("*.example.com",), True, NAME, True),
        (("*.example.com",), True, "a.b.example.com", False),
        (("mx2.example.com",), True, NAME, False),
        ((NAME,), False, NAME, False),
        # Without a name the chain has to do.
        (("mx2.example.com",), True, None, True),
        (("mx2.example.com",), False, None, False),
    ],
)
def test_verification(
    names: tuple[str, ...], ours: bool, asked: str | None, verified: bool
) -> None:
    certificate = issued(*names, ours=ours)
    result, transcript = ask(secured(lambda: context(certificate)), verify=True, name=asked)
    if verified:
        assert outcome(result) == (Reason.OK, None, 250, "inside")
    else:
        assert (result.reason, result.phase, result.code) == (Reason.TLS, "tls", None)
        assert result.text
        assert f"* {result.text}" in transcript
    assert result.tls is not None
    assert result.tls.names == names


def test_a_trust_store_that_changed_is_read_again(trust: str) -> None:
    stranger = trustme.CA()
    certificate = stranger.issue_cert(NAME)
    handler = secured(lambda: context(certificate))
    assert ask(handler, verify=True)[0].reason is Reason.TLS
    stranger.cert_pem.write_to_path(trust, append=True)
    os.utime(trust, (2_000_000_000, 2_000_000_000))
    assert ask(handler, verify=True)[0].ok
    assert ask(secured(), verify=True)[0].ok


def test_a_missing_trust_store_trusts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at-all.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    assert ask(secured(), verify=True)[0].reason is Reason.TLS
    assert ask(secured())[0].ok


def test_the_end_of_tls_is_said() -> None:
    said: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_go(reader, writer)
        tls = TlsByHand(reader, writer, context())
        await tls.do(tls.server.do_handshake)
        for reply in (*INSIDE, b""):
            said.append(await tls.do(tls.server.read))
            if reply:
                tls.server.write(reply)

    result, _ = ask(handler)
    assert result.ok
    # A connection that is cut would have raised where this one ended.
    assert said == [b"EHLO probe.test\r\n", b"QUIT\r\n", b""]
