"""The owner of the overrides: in force at once, on the disk before it says so, gone in time."""

import asyncio
import contextlib
import errno
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.web_views import cluster

from rrdns import overriding
from rrdns.health.overrides import NoSuchNodeError, Order, Place
from rrdns.health.select import Overrides
from rrdns.model import Node
from rrdns.overriding import NOT_KEPT, Overriding
from rrdns.store.overrides import OverrideFile
from rrdns.targets import Override, Verdict

ROLES = {"server1": ("primary",), "server2": ("primary",)}
DOWN = Order("server1", Verdict.DOWN, None, "new disks")
PLACE: Place = ("server1", None)


class Disk(OverrideFile):
    """A file whose disk can fail, or hang until `release` is set."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.trouble: OSError | None = None
        self.release = threading.Event()
        self.release.set()
        self.writes: list[Overrides] = []

    def save(self, overrides: Overrides) -> None:
        self.release.wait(30)
        if self.trouble is not None:
            raise self.trouble
        self.writes.append(overrides)
        super().save(overrides)


class Stage:
    """An owner of overrides, its disk, and how often it told of a change."""

    def __init__(self, directory: Path) -> None:
        self.disk = Disk(directory)
        self.told = 0
        self.owner = Overriding(self._count)

    def _count(self) -> None:
        self.told += 1

    @property
    def kept(self) -> Overrides:
        """What a restart would find."""
        return OverrideFile(self.disk.path.parent).load(time.time())

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def run(
    directory: Path, body: Callable[[Stage], Awaitable[None]], *, with_file: bool = True
) -> None:
    async def main() -> None:
        stage = Stage(directory)
        async with asyncio.timeout(30), contextlib.AsyncExitStack() as stack:
            stage.owner.start(stage.disk if with_file else None, stack)
            await body(stage)

    asyncio.run(main())


def test_an_order_is_on_the_disk_when_it_is_answered(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        done, why = await stage.owner.carry_out(DOWN, ROLES)
        assert why is None
        assert [change.place for change in done] == [PLACE]
        assert stage.kept == stage.owner.current == stage.owner.saved
        assert set(stage.kept) == {PLACE}
        assert stage.told == 1
        await stage.owner.carry_out(replace(DOWN, state=None), ROLES)
        assert stage.kept == {}
        # What changes nothing is neither written nor told.
        assert await stage.owner.carry_out(replace(DOWN, state=None), ROLES) == ((), None)
        assert (len(stage.disk.writes), stage.told) == (2, 2)
        with pytest.raises(NoSuchNodeError):
            await stage.owner.carry_out(Order("nobody", Verdict.UP), ROLES)

    run(tmp_path, body)


def test_a_restart_finds_what_was_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def first(stage: Stage) -> None:
        await stage.owner.carry_out(replace(DOWN, seconds=3600.0), ROLES)
        await stage.owner.carry_out(Order("server2/primary", Verdict.UP), ROLES)

    async def second(stage: Stage) -> None:
        assert set(stage.owner.current) == {PLACE, ("server2", "primary")}
        assert stage.owner.current is stage.owner.saved
        await asyncio.sleep(0)
        assert stage.disk.writes == []

    caplog.set_level(logging.INFO)
    run(tmp_path, first)
    caplog.clear()
    run(tmp_path, second)
    first_line, second_line = caplog.messages
    assert first_line.startswith("event=override_restored node=server1 state=down since=2")
    assert first_line.endswith('Z reason="new disks"')
    assert second_line.startswith("event=override_restored node=server2 role=primary state=up ")


def test_an_override_ends_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def body(stage: Stage) -> None:
        await stage.owner.carry_out(Order("server2", Verdict.UP), ROLES)
        await stage.owner.carry_out(replace(DOWN, seconds=0.05), ROLES)
        await stage.until(lambda: PLACE not in stage.owner.current)
        assert set(stage.owner.current) == {("server2", None)}
        assert stage.told == 3
        await stage.until(lambda: set(stage.kept) == {("server2", None)})

    caplog.set_level(logging.INFO)
    run(tmp_path, body)
    assert [line.split()[:2] for line in caplog.messages] == [
        ["event=override_set", "node=server2"],
        ["event=override_set", "node=server1"],
        ["event=override_expired", "node=server1"],
    ]


def test_a_new_order_has_a_time_of_its_own(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.owner.carry_out(replace(DOWN, seconds=0.05), ROLES)
        await stage.owner.carry_out(replace(DOWN, seconds=3600.0), ROLES)
        await stage.owner.carry_out(Order("server2", Verdict.UP, 0.05), ROLES)
        await stage.until(lambda: ("server2", None) not in stage.owner.current)
        # It would have ended by now.
        assert set(stage.owner.current) == {PLACE}
        await stage.owner.carry_out(replace(DOWN, seconds=None), ROLES)
        assert stage.owner._timer is None

    run(tmp_path, body)


def test_what_expired_while_the_server_was_away_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = time.time()
    OverrideFile(tmp_path).save({
        PLACE: Override(Verdict.DOWN, now - 100, now - 1),
        # By a clock that was set back meanwhile: so it has its whole time left.
        ("server2", None): Override(Verdict.DOWN, now + 1000, now + 1000.2),
    })  # fmt: skip

    async def body(stage: Stage) -> None:
        assert set(stage.owner.current) == {("server2", None)}
        await stage.until(lambda: set(stage.kept) == {("server2", None)})
        await stage.until(lambda: stage.owner.current == {})
        await stage.until(lambda: stage.kept == {})

    caplog.set_level(logging.INFO)
    run(tmp_path, body)
    assert caplog.messages[0].startswith("event=override_expired node=server1")


def test_a_clock_that_was_set_back_prolongs_nothing(tmp_path: Path) -> None:
    future = time.time() + 86400
    OverrideFile(tmp_path).save({PLACE: Override(Verdict.DOWN, future, future + 0.1)})

    async def body(stage: Stage) -> None:
        assert set(stage.owner.current) == {PLACE}
        await stage.until(lambda: stage.owner.current == {})

    run(tmp_path, body)


def test_a_clock_that_is_set_in_a_running_server_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(stage: Stage) -> None:
        await stage.owner.carry_out(replace(DOWN, seconds=3600.0), ROLES)
        await stage.owner.carry_out(Order("server2", Verdict.UP, 0.05), ROLES)
        clock = time.time
        monkeypatch.setattr("rrdns.overriding.time.time", lambda: clock() + 86400)
        await stage.until(lambda: set(stage.owner.current) == {PLACE})

    run(tmp_path, body)


# --- disks ------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_the_override_is_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(overriding, "_RETRY_SECONDS", 0.01)

    async def body(stage: Stage) -> None:
        stage.disk.trouble = OSError(errno.ENOSPC, "No space left on device")
        _, why = await stage.owner.carry_out(DOWN, ROLES)
        assert why == f"{stage.disk.path}: No space left on device"
        assert set(stage.owner.current) == {PLACE}
        assert stage.owner.saved == stage.kept == {}
        stage.disk.trouble = None
        # Nobody has to do anything for it to be kept in the end.
        await stage.until(lambda: set(stage.kept) == {PLACE})
        await stage.until(lambda: stage.owner.saved is stage.owner.current)

    caplog.set_level(logging.INFO)
    run(tmp_path, body)
    events = [line.split()[0] for line in caplog.messages]
    # However often it was tried.
    assert events == [
        "event=override_set",
        "event=overrides_not_saved",
        "event=override_not_kept:",
        "event=overrides_saved_again:",
    ]


def test_the_last_try_is_at_the_end(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        stage.disk.trouble = OSError(errno.EROFS, "Read-only file system")
        await stage.owner.carry_out(DOWN, ROLES)
        stage.disk.trouble = None

    run(tmp_path, body)
    assert set(OverrideFile(tmp_path).load(time.time())) == {PLACE}


def test_a_disk_that_hangs_holds_up_no_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overriding, "_SAVE_SECONDS", 0.05)

    async def body(stage: Stage) -> None:
        stage.disk.release.clear()
        _, why = await stage.owner.carry_out(DOWN, ROLES)
        assert why == f"{stage.disk.path} was not written within 0.05 s"
        assert set(stage.owner.current) == {PLACE}
        _, why = await stage.owner.carry_out(Order("server2", Verdict.UP), ROLES)
        assert why is not None
        stage.disk.release.set()
        await stage.until(lambda: len(stage.kept) == 2)

    run(tmp_path, body)


def test_orders_at_once_leave_the_last_state_on_the_disk(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        stage.disk.release.clear()
        orders = [
            asyncio.create_task(stage.owner.carry_out(replace(DOWN, reason=f"{number}"), ROLES))
            for number in range(20)
        ]
        await stage.until(lambda: stage.told == 20)
        stage.disk.release.set()
        assert {why for _, why in await asyncio.gather(*orders)} == {None}
        assert stage.kept[PLACE].reason == "19"
        # The first one, and all others together.
        assert len(stage.disk.writes) <= 2

    run(tmp_path, body)


def test_a_client_that_goes_away_stops_no_write(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        stage.disk.release.clear()
        order = asyncio.create_task(stage.owner.carry_out(DOWN, ROLES))
        await stage.until(lambda: stage.told)
        order.cancel()
        with pytest.raises(asyncio.CancelledError):
            await order
        stage.disk.release.set()
        await stage.until(lambda: set(stage.kept) == {PLACE})

    run(tmp_path, body)


def test_without_a_directory_it_holds_until_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(stage: Stage) -> None:
        _, why = await stage.owner.carry_out(replace(DOWN, seconds=0.05), ROLES)
        assert why == NOT_KEPT
        assert set(stage.owner.current) == {PLACE}
        await stage.until(lambda: stage.owner.current == {})

    run(tmp_path, body, with_file=False)
    assert list(tmp_path.iterdir()) == []
    assert f"it will not survive a restart: {NOT_KEPT}" in caplog.text


def test_overrides_that_a_configuration_has_nothing_for_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(cluster().config, nodes=(Node("server1", {"primary": ()}),))

    async def body(stage: Stage) -> None:
        await stage.owner.carry_out(DOWN, ROLES)
        await stage.owner.carry_out(Order("server2/primary", Verdict.UP), ROLES)
        stage.owner.tell_idle(config)

    run(tmp_path, body)
    (line,) = caplog.messages
    assert line.startswith("event=override_idle node=server2 role=primary: ")
    assert line.endswith("rrdns node auto server2/primary")
