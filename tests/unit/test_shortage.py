"""A shortage of open files, with asyncio's report of it made up; the live one is in e2e."""

import asyncio
import errno
import logging
from contextlib import AsyncExitStack

import pytest

from rrdns import shortage
from rrdns.server.descriptors import Reserve
from rrdns.shortage import Shortage

NONE_LEFT = {"message": "accept", "exception": OSError(errno.EMFILE, "Too many open files")}


def test_it_begins_sheds_and_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shortage, "_LOOK_SECONDS", 0.01)
    obstacles: list[str | None] = []
    shed: list[int] = []
    are_left = False
    hold = Reserve.hold

    async def main() -> None:
        nonlocal are_left
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            Shortage(obstacles.append, shed.append).watch(stack)
            monkeypatch.setattr(Reserve, "hold", lambda reserve: are_left and hold(reserve))
            loop.call_exception_handler(NONE_LEFT)
            assert (obstacles, shed) == (["too few open files are left to probe with"], [])
            # asyncio reports again and again in one turn, and in a later one.
            for _ in range(3):
                loop.call_exception_handler(NONE_LEFT)
            assert len(shed) == 1
            await asyncio.sleep(0.05)
            loop.call_exception_handler(NONE_LEFT)
            assert len(shed) == 2
            are_left = True
            async with asyncio.timeout(30):
                while obstacles[-1] is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            # The next one is not told: it is the same trouble.
            loop.call_exception_handler(NONE_LEFT)
            assert len(obstacles) == 3
        loop.call_exception_handler(NONE_LEFT)
        assert len(obstacles) == 3

    with caplog.at_level(logging.ERROR, "rrdns"):
        asyncio.run(main())
    told = [record.message for record in caplog.records if record.name == "rrdns"]
    assert told == ['event=shortage error="Too many open files"']


def test_other_errors_are_told_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    obstacles: list[str | None] = []

    async def main() -> None:
        async with AsyncExitStack() as stack:
            Shortage(obstacles.append, lambda _: None).watch(stack)
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "some bug", "exception": ValueError("odd")})
            loop.call_exception_handler({"message": "other", "exception": OSError(errno.EIO, "x")})

    asyncio.run(main())
    assert obstacles == []
    assert "some bug" in caplog.text
    assert "other" in caplog.text
