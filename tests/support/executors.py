"""Both executors, for tests that hold each of them to the same."""

from collections.abc import Callable, Mapping

from rrdns.table.executor import PythonExecutor
from rrdns.table.table import Table
from support.programs import missing

try:
    from rrdns.table._native import NativeExecutor as NativeExecutor
except ImportError:  # pragma: no cover  (where no compiler was)
    NativeExecutor = None  # type: ignore[assignment,misc]

Executor = PythonExecutor | NativeExecutor
# What makes one: a table, and the step at which rotations begin (0).
Maker = Callable[..., Executor]


def require_native() -> None:
    """End the test where the compiled executor is not built."""
    if NativeExecutor is None:
        missing("the compiled executor is not built here: RRDNS_NATIVE=require pip install -e .")


def make_native(table: Table, stagger: int = 0) -> Executor:
    """Return a compiled executor of a table."""
    require_native()
    return NativeExecutor(table, stagger)


MAKERS: Mapping[str, Maker] = {"python": PythonExecutor, "native": make_native}
# Those that are here, for tests whose inputs cost more than trying each executor with them. That
# one is missing is told by the tests that run once for each.
BUILT: tuple[Maker, ...] = (
    (PythonExecutor,) if NativeExecutor is None else (PythonExecutor, NativeExecutor)
)
