"""The composition root: owns the configuration, snapshot and table in force.

Everything that changes answers ends here, in `_publish`: a new snapshot, a table, an executor that
adopts it. One event loop runs all of it; only loading and large compiles happen in a thread.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rrdns.answering import Answering
from rrdns.checking import Checking
from rrdns.config.changes import changes
from rrdns.dns.cookie import SECRET_OCTETS
from rrdns.health.overrides import Done, Order, known_roles, still_held, troubles
from rrdns.loading import Loaded, load
from rrdns.model import Snapshot
from rrdns.overriding import Overriding
from rrdns.reloading import Reloads, first_state
from rrdns.server.activation import open_sockets
from rrdns.server.memory import Settling, give_back_large_blocks
from rrdns.server.notify import Notifier
from rrdns.server.privileges import become
from rrdns.settings import Config
from rrdns.shortage import Shortage, within_descriptors
from rrdns.store.directory import open_directory
from rrdns.store.overrides import OverrideFile
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import Table
from rrdns.watching import Watcher
from rrdns.web.app import make_app
from rrdns.web.history import History
from rrdns.web.listen import serve_tcp, serve_unix, tcp_endpoint
from rrdns.web.view import Reloaded, View

_log = logging.getLogger("rrdns")

_COALESCE_SECONDS = 0.1
_RETRY_SECONDS = 1.0
# A background thread gives the interpreter back this soon when a query waits for it.
_SWITCH_SECONDS = 0.0005


async def serve(
    loaded: Loaded, *, notify: bool = True, announce: Callable[[str], None] | None = None
) -> None:
    """Run the server until SIGTERM or SIGINT; SIGHUP reloads.

    `announce` is called with the line that tells the addresses once answers are served. Raises
    StartError where the server cannot start.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    give_back_large_blocks()
    service = Service(loaded, Notifier() if notify else None)
    # A reload lets go of what was loaded before it, and nothing else may hold it.
    del loaded
    async with contextlib.AsyncExitStack() as stack:
        ready_line = await service.start(stack)
        if announce is not None:
            announce(ready_line)
        await service.stopping.wait()
        _log.info("event=stopping")


class Service:
    """One running server: the backend of the HTTP pages, and the only publisher of tables."""

    def __init__(self, loaded: Loaded, notifier: Notifier | None) -> None:
        self.stopping = asyncio.Event()
        self._notifier = notifier
        # What the operator wants, and what of it the limit of open files leaves.
        self._wanted = loaded.config
        self._config = within_descriptors(loaded.config)
        self._started_at = time.time()
        self._ready = False
        self._reloads = Reloads(
            first_state(loaded, self._started_at),
            prepare=lambda: self._prepare(),
            take_over=self._take_over,
            tell=self._tell,
        )
        self._files = loaded.files
        self._watcher = Watcher(lambda: self._files, self._reload_watched)
        self._pause: asyncio.TimerHandle | None = None
        self._changed = False
        self._settling = Settling()
        self._published = asyncio.Event()
        self._publish_trouble: tuple[str, ...] = ()
        self._publish_seconds = 0.0
        self._history = History()
        self._checking = Checking(self._config, self._on_change)
        self._scheduler = self._checking.scheduler
        self._overriding = Overriding(self._on_change)
        secret, seed = os.urandom(SECRET_OCTETS), os.urandom(SECRET_OCTETS)
        self._make_snapshot = partial(make_snapshot, made_up_secret=secret, seed=seed)
        self._table = compile_table(self._make_snapshot(self._config, {}), 0)
        self._answering = Answering(
            self._config, self._table, on_progress=lambda: self._tell("WATCHDOG=1")
        )

    # --- starting and stopping ----------------------------------------------------------------

    async def start(self, stack: contextlib.AsyncExitStack) -> str:
        """Bind, probe once around, serve; what is started is stopped by `stack` in turn.

        Returns the line that tells the listening addresses. Raises StartError.
        """
        loop = asyncio.get_running_loop()
        for number, action in (
            (signal.SIGTERM, self.stopping.set),
            (signal.SIGINT, self.stopping.set),
            (signal.SIGHUP, self._reloads.request),
        ):
            loop.add_signal_handler(number, action)
            stack.callback(loop.remove_signal_handler, number)
        if self._notifier is not None:
            stack.callback(self._notifier.close)
        Shortage(self._checking.set_obstacle, self._answering.shed).watch(stack)
        server = self._config.server
        bound = open_sockets(server.listen, self._answering.udp_workers)
        for pair in bound:
            stack.callback(pair.close)
        http = await self._start_http(stack)
        self._step_down()
        # Once no other server can be here, and before anybody can ask for a change.
        directory = open_directory(server.state_directory)
        self._overriding.start(None if directory is None else OverrideFile(directory), stack)
        self._overriding.tell_idle(self._config)
        where = ",".join(str(pair.endpoint) for pair in bound)
        control = await serve_unix(
            make_app(self, control=True), server.control, server.control_group
        )
        stack.push_async_callback(control.cleanup)
        await self._checking.start(stack, self._config, directory, self.stopping)
        self._publish(self._table)
        self._settling.settle()
        await self._answering.start(stack, bound)
        stack.callback(self._tell, "STOPPING=1")
        self._ready = True
        self._watcher.set_watching(server.watch)
        stack.callback(self._watcher.set_watching, False)
        self._end_pause()
        line = (
            f"listen={where} http={http} control={server.control}"
            f" executor={self._answering.executor} udp_workers={self._answering.udp_workers}"
        )
        _log.info("event=ready %s", line)
        self._tell("READY=1")
        return f"ready {line}"

    async def _start_http(self, stack: contextlib.AsyncExitStack) -> str:
        if self._config.server.http is None:
            return "off"
        runner = await serve_tcp(make_app(self, control=False), self._config.server.http)
        stack.push_async_callback(runner.cleanup)
        return str(tcp_endpoint(runner))

    def _step_down(self) -> None:
        """Become the configured user: what needs root is bound by now."""
        server = self._config.server
        if server.user is not None:
            written = [str(Path(server.control).parent), *filter(None, [server.state_directory])]
            become(server.user, directories=written, readable=self._files)

    def _tell(self, state: str) -> None:
        if self._notifier is not None:
            self._notifier.tell(state)

    # --- publishing ---------------------------------------------------------------------------

    def _on_change(self) -> None:
        """Publish the first change at once, and those of the next 100 ms together at its end."""
        if not self._ready or self._pause is not None:
            self._changed = True
            self._published.clear()
            return
        pause = _COALESCE_SECONDS
        try:
            self._publish(self._table)
        except Exception:
            # The last table goes on answering, and whoever told of the change is not to blame.
            _log.exception("event=publish_failed")
            self._publish_trouble = ("a change could not be published: see the log",)
            self._changed = True
            self._published.clear()
            pause = _RETRY_SECONDS
        self._pause = asyncio.get_running_loop().call_later(pause, self._end_pause)

    def _end_pause(self) -> None:
        self._pause = None
        if self._changed:
            self._changed = False
            self._on_change()

    def _publish(self, previous: Table) -> None:
        """Publish what configuration and health say now; `previous` is what spares work."""
        started = time.perf_counter()
        self._table = compile_table(
            self._snapshot(self._config), self._table.generation + 1, previous
        )
        self._answering.publish(self._table)
        self._publish_trouble = ()
        self._published.set()
        self._publish_seconds = time.perf_counter() - started
        self._history.note(self._table.snapshot, time.time())

    def _snapshot(self, config: Config) -> Snapshot:
        healths, overrides = self._scheduler.healths(), self._overriding.current
        before = self._table.snapshot
        return self._make_snapshot(config, healths, overrides=overrides, previous=before)

    async def override(self, order: Order) -> Done:
        """Carry out an operator's order; once this returns, answers follow it.

        Raises NoSuchNodeError.
        """
        before, roles = self._table.snapshot, known_roles(self._config)
        held = tuple(still_held(self._overriding.current, order, roles))
        changes, not_kept = await self._overriding.carry_out(order, roles)
        await self._published.wait()
        nodes = {change.place[0] for change in changes}
        return Done(changes, not_kept, (*held, *troubles(before, self._table.snapshot, nodes)))

    # --- reloading ----------------------------------------------------------------------------

    async def reload(self) -> Reloaded:
        """Load the configuration anew; a refused one changes nothing."""
        return await self._reloads.reload()

    async def _reload_watched(self) -> bool:
        return not (await self.reload()).errors

    def _prepare(self) -> tuple[Loaded, Table]:
        loaded = load(self._config.path)
        self._checking.prepare(loaded.config)
        table = compile_table(self._snapshot(loaded.config), self._table.generation)
        self._answering.make_ready(table)
        return loaded, table

    def _take_over(self, prepared: tuple[Loaded, Table]) -> Callable[[], list[str]]:
        loaded, table = prepared
        old, self._wanted = self._wanted, loaded.config
        self._config = within_descriptors(loaded.config)
        self._files = loaded.files
        self._watcher.set_watching(self._config.server.watch)
        for problem in loaded.problems:
            _log.warning("%s", problem)
        self._checking.take_over(self._config)
        self._answering.set_limits(self._config.limits)
        self._overriding.tell_idle(self._config)
        self._publish(table)
        self._settling.settle()
        sha256 = self._config.sha256[:12]
        _log.info("event=reloaded sha256=%s generation=%d", sha256, self._table.generation)
        return partial(changes, old, loaded.config)

    # --- for the pages ------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether answers are served."""
        return self._ready

    def troubles(self) -> tuple[str, ...]:
        """Return what makes no progress, in words; a dead node is nothing of it."""
        checking = self._checking.troubles()
        return (*self._answering.troubles(), *checking, *self._publish_trouble)

    def view(self) -> View:
        """Return the present moment of the server."""
        return View(
            config=self._config,
            snapshot=self._table.snapshot,
            states=self._scheduler.states,
            generation=self._table.generation,
            ready=self._ready,
            troubles=self.troubles(),
            reload=self._reloads.state,
            traffic=self._answering.traffic(),
            probe_failures=self._scheduler.failures,
            probes_void=self._scheduler.voided,
            publish_seconds=self._publish_seconds,
            started_at=self._started_at,
            executor=self._answering.executor,
            overrides=self._overriding.current,
            saved_overrides=self._overriding.saved,
            history=self._history,
            monotonic_now=time.monotonic(),
            unix_now=time.time(),
        )
