"""Which executor answers: what is wanted, what is there, and what an operator is told."""

import importlib
import logging
import os
from types import ModuleType

import pytest
from support.executors import require_native
from support.tables import snapshot_of

from rrdns.errors import StartError
from rrdns.server import kinds
from rrdns.server.kinds import NativeKind, PythonKind, available, choose
from rrdns.table.compiler import compile_table


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


def test_what_was_made_ready_is_not_made_again() -> None:
    require_native()
    kind = NativeKind()
    before = kind.prepare(compile_table(snapshot_of(), 1))
    # A reload compiles beside the event loop, and publishes with the healths of then.
    reloaded = compile_table(snapshot_of(), 2)
    kind.make_ready(reloaded)
    ready = kind._ready.fixed
    published = compile_table(reloaded.snapshot, 3, reloaded)
    first, second = (
        kind.prepare(published),
        kind.prepare(compile_table(reloaded.snapshot, 4, published)),
    )
    assert first.fixed is second.fixed is ready
    assert first.fixed is not before.fixed


def test_what_was_made_ready_in_vain_does_no_harm() -> None:
    require_native()
    kind = NativeKind()
    table = compile_table(snapshot_of(), 1)
    kind.prepare(table)
    kind.make_ready(compile_table(snapshot_of(), 2))
    assert kind.prepare(table).table is table
    python = PythonKind()
    python.make_ready(table)
    assert python.prepare(table) is table


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
