"""probe: which addresses it takes, what it shows, how it exits."""

from pathlib import Path

import pytest
from support.ports import free_port
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
