"""Reloads when a file of the configuration changed: `server.watch`.

Directories are watched, not files: an editor or a deployment puts a new file in a file's place.
What happens in them only wakes the watcher; whether a file changed is told by its stamp, so that
links that are turned to another directory are seen too. A file that is still being written is left
alone until it has rested for a moment.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

import watchfiles

from rrdns.loading import Stamp, stamp

_log = logging.getLogger("rrdns")

REST_SECONDS = 1.0
# Where nothing tells of changes (a network's file system), the files are looked at this often.
_WAKE_MILLISECONDS = 5000
_RETRY_SECONDS = 5.0

Stamps = Mapping[str, Stamp | None]


class Watcher:
    """Calls `reload` after the files' stamps changed and came to rest.

    `files` returns the stamps of the configuration in force; `reload` whether it was taken over.
    After a refused one anything that happens beside the files counts as a change: it may be the
    file that was missing.
    """

    def __init__(self, files: Callable[[], Stamps], reload: Callable[[], Awaitable[bool]]) -> None:
        self._files = files
        self._reload = reload
        self._refused: Stamps | None = None
        self._task: asyncio.Task[None] | None = None

    def set_watching(self, wanted: bool) -> None:
        """Watch from now on, or no longer."""
        if wanted and self._task is None:
            self._task = asyncio.create_task(self.run(), name="watch")
        elif not wanted and self._task is not None:
            self._task.cancel()
            self._task = None

    async def run(self) -> None:
        """Watch until cancelled; nothing that happens to the files ends it."""
        while True:
            directories = self._directories()
            try:
                await self._watch(directories)
            except OSError as error:
                # A directory that went away, or the system's limit of watches.
                _log.warning("event=watch_failed: %s; the files are looked at again soon", error)
            if self._directories() == directories:
                await asyncio.sleep(_RETRY_SECONDS)
            await self._look()

    async def _watch(self, directories: Sequence[Path]) -> None:
        """Watch these directories; return when they are no longer the right ones."""
        changes = watchfiles.awatch(
            *directories,
            watch_filter=None,
            step=50,
            debounce=200,
            rust_timeout=_WAKE_MILLISECONDS,
            yield_on_timeout=True,
            recursive=False,
        )
        async with aclosing(changes):
            # What changed before the watch began has to be seen, too.
            await self._look()
            async for found in changes:
                await self._look(stirred=bool(found))
                if self._directories() != directories:
                    return

    def _directories(self) -> list[Path]:
        # The directory of the name, and that of the file which the name leads to.
        found = {
            parent
            for name in self._files()
            for parent in (Path(name).parent, Path(name).resolve().parent)
            if parent.is_dir()
        }
        return sorted(found)

    async def _look(self, *, stirred: bool = False) -> None:
        known = self._files()
        before = self._stamps(known)
        if before == known if self._refused is None else before == self._refused and not stirred:
            return
        while True:
            await asyncio.sleep(REST_SECONDS)
            after = self._stamps(known)
            if after == before:
                break
            before = after
        _log.info("event=watch_changed files=%s", ",".join(self._changed(known, after)))
        self._refused = None if await self._reload() else after

    @staticmethod
    def _stamps(known: Stamps) -> dict[str, Stamp | None]:
        return {name: stamp(name) for name in known}

    @staticmethod
    def _changed(known: Stamps, now: Stamps) -> list[str]:
        return [name for name, found in now.items() if found != known[name]]
