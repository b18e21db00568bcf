"""Fixtures of the servers' tests."""

from collections.abc import Iterator

import pytest
from support.udp_stage import MakeLoop, loops


@pytest.fixture
def make_loop() -> Iterator[MakeLoop]:
    """Make a loop on a free port, not yet started; it is stopped after the test."""
    with loops() as make:
        yield make
