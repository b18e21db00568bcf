"""probe: which addresses it takes, what it shows, how it exits."""

from pathlib import Path

import pytest
from support.ports import free_port
from support.smtp_peers import peer_in_a_thread, script
from support.smtp_tls import EXPIRED, NAME, context, issued, secured, trusted
from support.smtp_zoo import MX
from support.verbs import NODE_ADDRESSES, Rrdns, SmtpNode


@pytest.fixture
def watched(config_path: Path, smtp_node: SmtpNode) -> SmtpNode:
    """server1 is a real node, server2 nobody; mx2 has the node's second address as its own."""
    primary, secondary = NODE_ADDRESSES
    text = config_path.read_text()
    text = text.replace("primary: 192.0.2.11", f"primary: {primary}")
    text = text.replace("secondary: 192.0.2.12", f"secondary: {secondary}")
    text = text.replace("primary: 192.0.2.21", "primary: 127.0.3.9")
    text = text.replace("secondary: 192.0.2.22", "secondary: 127.0.3.1")
    text = text.replace("mx2: {role: secondary}", f"mx2: {{addresses: [{secondary}]}}")
    config_path.write_text(f"health: {{port: {smtp_node.port}}}\n{text}")
    return smtp_node


def test_a_good_node_shows_its_dialogues_and_times(rrdns: Rrdns, watched: SmtpNode) -> None:
    result = rrdns("probe", "server1")
    assert (result.exit_code, result.stderr) == (0, "")
    for role, address in zip(("primary", "secondary"), NODE_ADDRESSES, strict=True):
        assert f"server1 {role} {address} port {watched.port} (ehlo): ok\n" in result.stdout
    assert "< 220 server1 demo ESMTP" in result.stdout
    assert "> EHLO " in result.stdout
    assert "phases: connect " in result.stdout


def test_one_bad_address_makes_the_exit_code(rrdns: Rrdns, watched: SmtpNode) -> None:
    result = rrdns("probe", "server2")
    assert result.exit_code == 1
    assert f"127.0.3.9 port {watched.port} (ehlo): unreachable in connect" in result.stdout
    assert "server2 secondary 127.0.3.1" in result.stdout


def test_an_address_of_several_is_probed_once(rrdns: Rrdns, watched: SmtpNode) -> None:
    result = rrdns("probe", "127.0.3.1")
    assert result.exit_code == 0
    assert result.stdout.count("(ehlo): ok") == 1


def test_a_host_with_addresses_of_its_own_is_a_node(rrdns: Rrdns, watched: SmtpNode) -> None:
    result = rrdns("probe", "mx2.example.com")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"mx2.example.com address {NODE_ADDRESSES[1]} port")


def test_any_other_address_is_probed_with_the_defaults_of_health(
    rrdns: Rrdns, watched: SmtpNode
) -> None:
    result = rrdns("probe", "127.0.3.77")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"127.0.3.77 port {watched.port} (ehlo): unreachable")


def test_a_check_of_none_is_told(rrdns: Rrdns, config_path: Path) -> None:
    config_path.write_text("health: {check: none}\n" + config_path.read_text())
    result = rrdns("probe", "server1")
    assert result.exit_code == 0
    assert "not probed: its check is none" in result.stdout


def test_an_unknown_node_is_told_with_the_known_ones(rrdns: Rrdns) -> None:
    result = rrdns("probe", "server9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no node 'server9'; its nodes are: server1, server2\n" in result.stderr


def test_a_tcp_check_says_nothing_to_the_node(rrdns: Rrdns, config_path: Path) -> None:
    port = free_port()
    config_path.write_text(f"health: {{check: tcp, port: {port}}}\n" + config_path.read_text())
    result = rrdns("probe", "127.0.0.1")
    assert result.exit_code == 1
    assert f"127.0.0.1 port {port} (tcp): unreachable in connect" in result.stdout
    assert ">" not in result.stdout


def test_tls_is_shown(
    rrdns: Rrdns, config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted(tmp_path))
    with peer_in_a_thread(secured()) as port:
        health = f"health: {{check: starttls, verify: true, port: {port}}}\n"
        text = config_path.read_text().replace("192.0.2.11", "127.0.0.1")
        config_path.write_text(health + text)
        result = rrdns("probe", "127.0.0.1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"server1 primary 127.0.0.1 port {port} (starttls): ok\n" in result.stdout
    for words in (
        "> STARTTLS",
        "* TLS for mx1.example.com, certificates are verified",
        "* TLSv1.3 with TLS_",
        "* certificate for mx1.example.com",
        "* the first certificate of its chain expires 2100-01-01 00:00:00 UTC (",
        "starttls ",
        "tls ",
    ):
        assert words in result.stdout


def test_a_certificate_that_expired_is_told(
    rrdns: Rrdns, config_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted(tmp_path))
    expired = issued(NAME, not_after=EXPIRED)
    with peer_in_a_thread(secured(lambda: context(expired))) as port:
        health = f"health: {{check: starttls, verify: true, port: {port}}}\n"
        config_path.write_text(health + config_path.read_text())
        result = rrdns("probe", "127.0.0.1")
    assert result.exit_code == 1
    assert f"127.0.0.1 port {port} (starttls): tls in tls\n" in result.stdout
    assert "* certificate has expired" in result.stdout
    assert "expires 2021-01-01 00:00:00 UTC (-" in result.stdout


def test_a_recipient_is_asked_about(rrdns: Rrdns, config_path: Path) -> None:
    with peer_in_a_thread(script(b"220 a\r\n", MX, MX, b"550 who\r\n", MX, b"221 bye\r\n")) as port:
        health = f"health: {{check: rcpt, recipient: a@customer.test, port: {port}}}\n"
        config_path.write_text(health + config_path.read_text())
        result = rrdns("probe", "127.0.0.1")
    assert result.exit_code == 1
    assert f"127.0.0.1 port {port} (rcpt): rejected in rcpt\n" in result.stdout
    for words in ("> MAIL FROM:<>", "> RCPT TO:<a@customer.test>", "< 550 who", "> RSET", "> QUIT"):
        assert words in result.stdout
