"""What all runs of the golden cases share: the snapshot behind them."""

import pytest

from golden.case import DIRECTORY
from rrdns.loading import load
from rrdns.model import Snapshot
from rrdns.table.snapshot import make_snapshot


@pytest.fixture(scope="session")
def golden_snapshot() -> Snapshot:
    """The shipped way from file to snapshot; no target has a verdict, so all are healthy."""
    return make_snapshot(load(DIRECTORY / "golden.yaml").config, {})
