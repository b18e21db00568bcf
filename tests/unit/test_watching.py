"""The watcher: what makes it reload, and what does not."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from rrdns import watching
from rrdns.loading import Stamp, stamp
from rrdns.watching import Watcher

DEADLINE_SECONDS = 20.0


class Stage:
    """Files in a directory, and who reloads them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.main = directory / "rrdns.yaml"
        self.domains = directory / "domains.txt"
        self.main.write_text("one")
        self.domains.write_text("one")
        self.read: list[tuple[str | None, ...]] = []
        self.good = True
        self.reloaded = asyncio.Event()
        self.known = self.stamps()

    def stamps(self) -> dict[str, Stamp | None]:
        return {str(path): stamp(path) for path in (self.main, self.domains)}

    async def reload(self) -> bool:
        stamps = self.stamps()
        self.read.append(
            tuple(p.read_text() if p.exists() else None for p in (self.main, self.domains))
        )
        if self.good:
            self.known = stamps
        self.reloaded.set()
        return self.good

    async def next(self) -> tuple[str | None, ...]:
        """What the next reload finds in the files."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.reloaded.wait()
        self.reloaded.clear()
        return self.read[-1]


def run(
    directory: Path, body: Callable[[Stage], Coroutine[Any, Any, None]], *, started: bool = True
) -> Stage:
    async def whole() -> Stage:
        stage = Stage(directory)
        if not started:
            await body(stage)
        task = asyncio.create_task(Watcher(lambda: stage.known, stage.reload).run())
        try:
            if started:
                await body(stage)
            else:
                await stage.next()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return stage

    return asyncio.run(whole())


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "REST_SECONDS", 0.2)


def test_a_change_of_either_file_is_seen(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        stage.main.write_text("two, longer")
        assert await stage.next() == ("two, longer", "one")
        stage.domains.write_text("three, longer")
        assert await stage.next() == ("two, longer", "three, longer")

    assert len(run(tmp_path, body).read) == 2


def test_a_file_put_in_the_place_of_another_is_seen(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        for text in ("two", "six"):
            fresh = tmp_path / "rrdns.yaml.new"
            fresh.write_text(text)
            fresh.replace(stage.main)
            assert (await stage.next())[0] == text

    run(tmp_path, body)


def test_a_link_turned_to_another_directory_is_seen(tmp_path: Path) -> None:
    for release in ("first", "second"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "rrdns.yaml").write_text(release)

    async def body(stage: Stage) -> None:
        (tmp_path / "current").symlink_to("first")
        stage.main.unlink()
        stage.main.symlink_to("current/rrdns.yaml")
        assert (await stage.next())[0] == "first"
        (tmp_path / "new").symlink_to("second")
        (tmp_path / "new").replace(tmp_path / "current")
        assert (await stage.next())[0] == "second"

    run(tmp_path, body)


def test_a_file_is_left_alone_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []

    def stamps_that_grow(path: str) -> Stamp | None:
        found = stamp(path)
        if Path(path).name == "domains.txt" and found is not None and found.octets > 3:
            looked.append(Path(path))
            # At every look but the last ones there is more of it.
            with Path(path).open("a") as file:
                file.write("." if len(looked) < 4 else "")
        return found

    monkeypatch.setattr(watching, "stamp", stamps_that_grow)

    async def body(stage: Stage) -> None:
        stage.domains.write_text("half")
        assert await stage.next() == ("one", "half...")

    assert len(run(tmp_path, body).read) == 1


def test_what_changed_before_the_watch_began_is_seen(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        stage.main.write_text("changed early")

    assert run(tmp_path, body, started=False).read == [("changed early", "one")]


def test_other_files_make_no_reload(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        (tmp_path / "notes.txt").write_text("nothing to do with it")
        stage.main.touch()
        # The touch is seen after the notes.
        assert await stage.next() == ("one", "one")

    assert len(run(tmp_path, body).read) == 1


def test_after_a_refused_reload_a_new_file_is_a_reason_to_try_again(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        stage.good = False
        stage.main.write_text("names more.txt")
        await stage.next()
        (tmp_path / "more.txt").write_text("here it is")
        stage.good = True
        assert (await stage.next())[0] == "names more.txt"

    run(tmp_path, body)


def test_a_file_that_is_gone_is_a_change_and_comes_back(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        stage.good = False
        stage.domains.unlink()
        assert await stage.next() == ("one", None)
        stage.good = True
        stage.domains.write_text("again")
        assert await stage.next() == ("one", "again")

    run(tmp_path, body)


def test_a_watch_that_cannot_be_made_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = watchfiles.awatch
    monkeypatch.setattr(watching, "_RETRY_SECONDS", 0.05)

    def fails(*_paths: object, **_options: object) -> Any:
        monkeypatch.setattr(watchfiles, "awatch", real)
        raise OSError(28, "no more watches")

    monkeypatch.setattr(watchfiles, "awatch", fails)

    async def body(stage: Stage) -> None:
        stage.main.write_text("two, longer")
        await stage.next()

    run(tmp_path, body)
    assert "event=watch_failed" in caplog.text
