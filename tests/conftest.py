"""Fixtures for all tests; what they are made of lives in `support`."""

from collections.abc import Callable

import pytest
from support.executors import MAKERS, Maker
from support.ports import free_port
from support.programs import require_program


@pytest.fixture(name="require_program")
def require_program_fixture() -> Callable[[str], str]:
    """Path of a program; the test is skipped (failed under CI=true) where it is missing."""
    return require_program


@pytest.fixture
def port() -> int:
    """A port of 127.0.0.1 that is free for UDP and TCP."""
    return free_port()


@pytest.fixture(scope="session", params=MAKERS)
def make_executor(request: pytest.FixtureRequest) -> Maker:
    """What makes an executor of a table; a test that asks for it runs once for each kind."""
    maker: Maker = MAKERS[request.param]
    return maker
