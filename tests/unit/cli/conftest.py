"""A configuration for the verbs to read, and a way to run a verb in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rrdns.cli import cli

CONFIGURATION = """\
server:
  listen: ["127.0.0.1:0"]
  http: null
  control: control.sock
  state_directory: null
nodes:
  server1: {primary: 192.0.2.11, secondary: 192.0.2.12}
  server2: {primary: 192.0.2.21, secondary: 192.0.2.22}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts:
      mx1: {role: primary}
      mx2: {role: secondary}
profiles:
  default:
    nameservers: [ns1.example.com., ns2.example.com.]
    mx: ["20 mx2.example.com.", "10 mx1.example.com."]
  other:
    nameservers: [ns1.example.com., ns2.example.com.]
    mx: ["5 mx1.example.com.", "5 mx2.example.com."]
    ttl: 5m
domains:
  - {profile: default, names: [customer.test]}
  - {profile: other, names: [bücher.test]}
"""

Rrdns = Callable[..., Result]


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    """A valid configuration without warnings."""
    path = tmp_path / "rrdns.yaml"
    path.write_text(CONFIGURATION)
    return path


@pytest.fixture
def rrdns(config_path: Path) -> Rrdns:
    """Run a verb with `config_path` as its configuration; an unexpected exception is raised."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
        env = {"RRDNS_CONFIG": str(config_path), **(env or {})}
        return CliRunner().invoke(cli, arguments, env=env, catch_exceptions=False)

    return run
