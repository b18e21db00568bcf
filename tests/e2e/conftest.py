"""Fixtures of the end-to-end tests."""

from pathlib import Path

import pytest
from support.serving import configuration


@pytest.fixture
def path(tmp_path: Path, port: int) -> Path:
    """A configuration on `port`."""
    made = tmp_path / "rrdns.yaml"
    made.write_text(
        configuration(
            listen=[f"127.0.0.1:{port}"],
            nodes={"server1": "192.0.2.11", "server2": "192.0.2.21"},
            directory=tmp_path,
        )
    )
    return made
