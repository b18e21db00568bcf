"""The checks of all targets, as one server runs them: the first round, and what survives a restart.

Owns the scheduler from the start to the stop, and says what is wrong with the checking itself.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from rrdns.health.scheduler import Scheduler
from rrdns.settings import Config
from rrdns.store.verdicts import VerdictFile

_FIRST_ROUND_SECONDS = 5.0


class Checking:
    """Probes a configuration's targets; `on_change` is called when an effective state changed."""

    def __init__(self, config: Config, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._verdicts: VerdictFile | None = None
        self.scheduler = Scheduler(concurrency=config.probe_concurrency, on_change=self._on_verdict)

    async def start(
        self,
        stack: contextlib.AsyncExitStack,
        config: Config,
        directory: Path | None,
        stopping: asyncio.Event,
    ) -> None:
        """Probe, and return after the first round, or when a stop is asked for.

        Verdicts from before a restart are taken from `directory`, and kept there; None keeps none.
        What is started is stopped by `stack`.
        """
        stack.push_async_callback(self.scheduler.close)
        self._watch(config, added_by_reload=False)
        if directory is not None:
            self._keep_verdicts(VerdictFile(directory), stack)
        # A stop request must not wait for the slowest node's timeout.
        probing = asyncio.create_task(self.scheduler.first_round(_FIRST_ROUND_SECONDS))
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({probing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (probing, waiting):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @staticmethod
    def prepare(config: Config) -> None:
        """Work out, in a thread, what `take_over` needs of a configuration."""
        _ = config.targets, config.used_by, config.hosts_by_target

    def take_over(self, config: Config) -> None:
        """Probe what a reload made of the configuration."""
        self.scheduler.set_concurrency(config.probe_concurrency)
        self._watch(config, added_by_reload=True)

    def set_obstacle(self, why: str | None) -> None:
        """Probe nothing while there is a reason: it is the result, this machine's own trouble."""
        self.scheduler.obstacle = why

    def troubles(self) -> list[str]:
        """Return what keeps the checks from making progress, in words; a dead node is nothing."""
        found = []
        if not self.scheduler.beats:
            found.append("the timer that looks after the checks has stopped")
        if stuck := self.scheduler.stuck:
            others = f" and of {len(stuck) - 1} others" if len(stuck) > 1 else ""
            first = f"{stuck[0].address} port {stuck[0].port}"
            found.append(f"the checks of {first}{others} give no results any more")
        return found

    def _watch(self, config: Config, *, added_by_reload: bool) -> None:
        self.scheduler.set_targets(
            config.targets, added_by_reload=added_by_reload, used_by=config.used_by
        )

    def _on_verdict(self) -> None:
        if self._verdicts is not None:
            self._verdicts.note_change()
        self._on_change()

    def _keep_verdicts(self, file: VerdictFile, stack: contextlib.AsyncExitStack) -> None:
        self._verdicts = file
        self.scheduler.restore(file.restore(time.monotonic(), time.time()))
        stack.callback(lambda: file.save(self.scheduler.states, time.monotonic(), time.time()))
        saving = asyncio.create_task(file.keep_saving(lambda: self.scheduler.states))
        stack.callback(saving.cancel)
