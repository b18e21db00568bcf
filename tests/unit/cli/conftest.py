"""Fixtures for the verbs: a configuration, an SMTP node, a way to run a verb right here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.control_stub import ControlStub, control_stub
from support.verbs import CONFIGURATION, NODE_ADDRESSES, Rrdns, SmtpNode, start_node

from rrdns.cli import cli


@pytest.fixture
def smtp_node() -> Iterator[SmtpNode]:
    """A node of the demo that listens on NODE_ADDRESSES."""
    with start_node("server1", "0", *NODE_ADDRESSES) as process:
        assert process.stdout is not None
        word, port = process.stdout.readline().split()
        assert word == "listening"
        yield SmtpNode(process, int(port))
        process.kill()


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


@pytest.fixture
def stub(config_path: Path) -> Iterator[ControlStub]:
    """The control socket of `config_path`, where a test says what is answered."""
    with control_stub(str(config_path.parent / "control.sock")) as server:
        yield server
