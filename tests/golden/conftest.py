"""What all runs of the golden cases share: the snapshot behind them."""

import pytest

from golden.case import DIRECTORY
from rrdns.loading import load
from rrdns.model import Snapshot
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health


@pytest.fixture(scope="session")
def golden_snapshot() -> Snapshot:
    """The shipped way from file to snapshot; every target is up, as they are without a check."""
    config = load(DIRECTORY / "golden.yaml").config
    return make_snapshot(config, {target.key: Health.UP for target in config.targets})
