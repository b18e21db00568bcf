"""The two kinds of answering: with the compiled extension where it is built, or in Python alone.

A kind makes what belongs together: the form of a table, the executor for TCP, the loops for UDP.
"""

import importlib
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from rrdns.errors import StartError
from rrdns.server.desk import MissDesk
from rrdns.server.loops import Executor, Loop
from rrdns.server.sockets import Bound
from rrdns.server.udp import UdpLoop
from rrdns.settings import Limits
from rrdns.table.executor import PythonExecutor
from rrdns.table.table import Table

_log = logging.getLogger("rrdns.server")

_EXTENSIONS = ("rrdns.table._native", "rrdns.server._loop")


class PythonKind:
    """Everything in Python: one loop for each endpoint, because one runs at a time."""

    name = "python"

    def workers(self, wanted: int | None) -> int:
        """Return the number of loops for each endpoint where so many are wanted (None: auto)."""
        if wanted is not None and wanted > 1:
            _log.warning(
                "udp_workers=%d needs the native executor: each endpoint has one loop", wanted
            )
        return 1

    def make_ready(self, table: Table) -> None:
        """Do nothing: a table is ready as it is."""

    def prepare(self, table: Table) -> Table:
        """Return a table in this kind's form."""
        return table

    def limits(self, limits: Limits) -> Limits:
        """Return what all loops are limited by, in this kind's form."""
        return limits

    def executor(self, table: Table, stagger: int) -> PythonExecutor:
        """Return an executor for TCP."""
        return PythonExecutor(table, stagger)

    def loop(
        self, udp: socket.socket, bound: Bound, table: Table, limits: Limits, stagger: int
    ) -> UdpLoop:
        """Return a loop that is not started."""
        return UdpLoop(
            udp,
            bound.family,
            table,
            wildcard=bound.wildcard,
            limits=limits,
            stagger=stagger,
            held=bound.held,
        )

    def serve_misses(self, stack: AsyncExitStack, loops: Sequence[Any]) -> None:
        """Do nothing: these loops answer their misses themselves."""


class NativeKind:
    """The compiled extension: loops that run side by side on all cores."""

    name = "native"

    def __init__(self) -> None:
        self._previous: Any = None
        self._ready: Any = None

    def workers(self, wanted: int | None) -> int:
        """Return the number of loops for each endpoint where so many are wanted (None: auto)."""
        return cores() if wanted is None else wanted

    def make_ready(self, table: Table) -> None:
        """Work out what tables like this one share, so that `prepare` takes no time; any thread."""
        from rrdns.table._native import NativeTable

        self._ready = NativeTable(table, self._previous)

    def prepare(self, table: Table) -> Any:
        """Return a table in this kind's form; what is as in the one before is shared with it."""
        from rrdns.table._native import NativeTable

        self._previous = NativeTable(table, self._ready or self._previous)
        self._ready = None
        return self._previous

    def limits(self, limits: Limits) -> Any:
        """Return what all loops are limited by, in this kind's form: they share the accounts."""
        from rrdns.server.nativeudp import native_limits

        return native_limits(limits)

    def executor(self, table: Any, stagger: int) -> Executor:
        """Return an executor for TCP."""
        from rrdns.table._native import NativeExecutor

        return NativeExecutor(table, stagger)

    def loop(self, udp: socket.socket, bound: Bound, table: Any, limits: Any, stagger: int) -> Loop:
        """Return a loop that is not started."""
        from rrdns.server.nativeudp import NativeUdpLoop

        return NativeUdpLoop(
            udp,
            bound.family,
            table,
            wildcard=bound.wildcard,
            limits=limits,
            stagger=stagger,
            held=bound.held,
        )

    def serve_misses(self, stack: AsyncExitStack, loops: Sequence[Any]) -> None:
        """Answer the misses of loops that run in this event loop, until `stack` ends."""
        stack.callback(MissDesk(loops).close)


Kind = PythonKind | NativeKind


def choose(executor: str) -> Kind:
    """Return the kind for the setting `server.executor`: auto, native or python.

    Raises StartError where native is wanted and not there.
    """
    if executor == "python":
        return PythonKind()
    reason = _why_not_native()
    if reason is None:
        return NativeKind()
    if executor == "native":
        raise StartError(
            f"server.executor is native, but the compiled extension is not there ({reason}):"
            " install rrdns where a C compiler and Python's headers are, or set it to auto"
        )
    _log.info("executor=python: the compiled extension is not there (%s)", reason)
    return PythonKind()


def available() -> str:
    """Return the executor that `auto` stands for: native or python."""
    return "python" if _why_not_native() else "native"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _why_not_native() -> str | None:
    try:
        for name in _EXTENSIONS:
            importlib.import_module(name)
    except ImportError as error:
        return str(error)
    return None
