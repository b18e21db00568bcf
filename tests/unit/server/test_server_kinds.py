"""Which executor answers: what is wanted, what is there, and what an operator is told."""

import importlib
import logging
import os
from types import ModuleType

import pytest
from support.executors import require_native

from rrdns.errors import StartError
from rrdns.server import kinds
from rrdns.server.kinds import NativeKind, PythonKind, available, choose


@pytest.fixture(params=["rrdns.table._native", "rrdns.server._loop"])
def not_built(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one half of the compiled extension be missing."""
    real = importlib.import_module

    def importing(name: str) -> ModuleType:
        if name == request.param:
            raise ImportError(f"No module named {name!r}")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", importing)


def test_auto_takes_the_native_one_where_it_is_there() -> None:
    require_native()
    assert isinstance(choose("auto"), NativeKind)
    assert isinstance(choose("native"), NativeKind)
    assert available() == "native"


def test_python_can_be_asked_for() -> None:
    assert isinstance(choose("python"), PythonKind)


def test_without_the_extension_auto_is_python_and_the_log_says_why(
    not_built: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert isinstance(choose("auto"), PythonKind)
    assert "executor=python: the compiled extension is not there (No module" in caplog.text
    assert available() == "python"


def test_without_the_extension_native_is_an_error_that_says_what_to_do(not_built: None) -> None:
    with pytest.raises(StartError) as refused:
        choose("native")
    line = str(refused.value)
    assert line.startswith("server.executor is native, but the compiled extension is not there")
    assert "install rrdns where a C compiler and Python's headers are, or set it to auto" in line
    assert "\n" not in line


def test_native_has_a_loop_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 4})
    assert kinds.cores() == 3
    assert NativeKind().workers(None) == 3
    assert NativeKind().workers(7) == 7


def test_python_has_one_loop_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert PythonKind().workers(None) == 1
    assert PythonKind().workers(1) == 1
    assert caplog.text == ""
    assert PythonKind().workers(4) == 1
    assert "udp_workers=4 needs the native executor: each endpoint has one loop" in caplog.text
