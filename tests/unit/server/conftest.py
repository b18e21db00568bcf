"""Fixtures of the servers' tests."""

from collections.abc import Iterator

import pytest
from support.udp_stage import MakeLoop, loops


@pytest.fixture(params=["python", "native"])
def make_loop(request: pytest.FixtureRequest) -> Iterator[MakeLoop]:
    """Make a loop on a free port, not yet started; it is stopped after the test.

    A test that asks for it runs once for each kind of loop.
    """
    with loops(request.param) as make:
        yield make


@pytest.fixture
def make_python_loop() -> Iterator[MakeLoop]:
    """Make a loop in Python on a free port, for what only this kind has."""
    with loops("python") as make:
        yield make


@pytest.fixture
def make_native_loop() -> Iterator[MakeLoop]:
    """Make a compiled loop on a free port, for what only this kind has."""
    with loops("native") as make:
        yield make
