"""How each target is probed: every setting at its three places, and the names that TLS asks for."""

from dataclasses import fields
from pathlib import Path

import pytest

from rrdns.loading import load
from rrdns.settings import Config
from rrdns.targets import Check, ProbeSettings, Target

# key -> what is written, the field of ProbeSettings, its value
SETTINGS = {
    "check": ("banner", "check", Check.BANNER),
    "port": ("2525", "port", 2525),
    "interval": ("7s", "interval_seconds", 7.0),
    "fast_interval": ("100ms", "fast_interval_seconds", 0.1),
    "fall": ("5", "fall", 5),
    "rise": ("6", "rise", 6),
    "connect_timeout": ("1m", "connect_timeout_seconds", 60.0),
    "banner_timeout": ("1s", "banner_timeout_seconds", 1.0),
    "command_timeout": ("0.5", "command_timeout_seconds", 0.5),
    "helo": ("probe.example.com", "helo", "probe.example.com"),
    "recipient": ("postmaster@bücher.test", "recipient", "postmaster@xn--bcher-kva.test"),
    "verify": ("true", "verify", True),
    "source": ("{ipv4: 192.0.2.9}", "source_ipv4", "192.0.2.9"),
    "source ": ('{ipv6: "2001:db8::9"}', "source_ipv6", "2001:db8::9"),
}


def loaded(text: str, tmp_path: Path) -> Config:
    path = tmp_path / "rrdns.yaml"
    path.write_text(text)
    return load(str(path)).config


def written(
    tmp_path: Path, health: str = "{}", node: str = "{}", host: str = "{}"
) -> tuple[Target, Target]:
    """Return the node's and the host's target of a configuration with these settings."""
    config = loaded(
        f"""\
health: {health}
nodes: {{server1: {{primary: 192.0.2.11, health: {node}}}}}
zones:
  example.com:
    hosts:
      mx1: {{role: primary}}
      mx4: {{addresses: [203.0.113.10], health: {host}}}
""",
        tmp_path,
    )
    mx1, mx4 = config.hosts()
    assert config.nodes[0].roles["primary"] == (mx1.members[0].target,)
    return mx1.members[0].target, mx4.members[0].target


def test_every_setting_is_tried() -> None:
    assert {field for _, field, _ in SETTINGS.values()} == {f.name for f in fields(ProbeSettings)}


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_at_each_place(key: str, tmp_path: Path) -> None:
    text, field, value = SETTINGS[key]
    default = getattr(ProbeSettings(), field)
    assert value != default
    mine = f"{{{key.strip()}: {text}}}"
    node, host = written(tmp_path, health=mine)
    assert (getattr(node.settings, field), getattr(host.settings, field)) == (value, value)
    node, host = written(tmp_path, node=mine)
    assert (getattr(node.settings, field), getattr(host.settings, field)) == (value, default)
    node, host = written(tmp_path, host=mine)
    assert (getattr(node.settings, field), getattr(host.settings, field)) == (default, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Postmaster", "Postmaster"),
        ("a.b+c=d@Example.COM", "a.b+c=d@example.com"),
        ('"a@[192.0.2.1]"', "a@[192.0.2.1]"),
        ('"a@[IPv6:2001:db8::1]"', "a@[IPv6:2001:db8::1]"),
        ("null", None),
    ],
)
def test_recipients(text: str, value: str | None, tmp_path: Path) -> None:
    node, _ = written(tmp_path, health=f"{{recipient: {text}}}")
    assert node.settings.recipient == value


NAMED = """\
health: {check: starttls}
nodes:
  server1: {primary: 192.0.2.11, secondary: 192.0.2.12, spare: 192.0.2.13}
  server2: {primary: 192.0.2.21, health: {check: ehlo}}
zones:
  example.com:
    hosts:
      mx1: {role: primary}
      mx2: {role: [secondary, primary]}
      mx4: {addresses: [203.0.113.10]}
  MX.Example.net:
    hosts: {"": {role: primary}, bücher: {role: secondary}}
"""


def test_tls_asks_for_the_first_host_that_answers_with_an_address(tmp_path: Path) -> None:
    config = loaded(NAMED, tmp_path)
    names = {
        target.address: target.server_name
        for node in config.nodes
        for targets in node.roles.values()
        for target in targets
    }
    assert names == {
        "192.0.2.11": "mx1.example.com",
        "192.0.2.12": "mx2.example.com",
        "192.0.2.13": None,
        "192.0.2.21": None,
    }
    answered = {
        host.name: [(member.target.address, member.target.server_name) for member in host.members]
        for host in config.hosts()
    }
    assert list(answered.values()) == [
        [("192.0.2.11", "mx1.example.com"), ("192.0.2.21", None)],
        [("192.0.2.12", "mx2.example.com"), ("192.0.2.21", None)],
        [("203.0.113.10", "mx4.example.com")],
        [("192.0.2.11", "mx1.example.com"), ("192.0.2.21", None)],
        [("192.0.2.12", "mx2.example.com")],
    ]
    assert {zone.apex for zone in config.zones.values()} == set(config.zones)
    assert len(config.targets) == 4
