import asyncio
import json
import logging
from pathlib import Path

import pytest

from rrdns.health.state import TargetState, new_state
from rrdns.store import verdicts
from rrdns.store.verdicts import EXPIRY_SECONDS, VerdictFile
from rrdns.targets import Check, TargetKey, Verdict

UP = TargetKey("192.0.2.1", 25, Check.EHLO)
DOWN = TargetKey("2001:db8::1", 2525, Check.TCP)
NEVER_PROBED = TargetKey("192.0.2.3", 25, Check.EHLO)
STATES = {
    UP: TargetState(Verdict.UP, since=100.0, last_at=990.0, renewed_at=990.0),
    DOWN: TargetState(Verdict.DOWN, since=200.0, failures=2, last_at=980.0, renewed_at=980.0),
    NEVER_PROBED: new_state(5.0),
}


def test_verdicts_survive_with_their_times_on_another_monotonic_clock(tmp_path: Path) -> None:
    store = VerdictFile(tmp_path)
    store.save(STATES, monotonic_now=1000.0, unix_now=1_764_000_000.0)

    # The machine restarted: its monotonic clock began anew, 20 s have passed.
    restored = store.restore(monotonic_now=7.0, unix_now=1_764_000_020.0)

    assert set(restored) == {UP, DOWN}
    assert restored[UP].verdict is Verdict.UP
    assert restored[UP].since == pytest.approx(7.0 - 920.0)
    assert restored[UP].last_at == pytest.approx(7.0 - 30.0)
    assert restored[DOWN].verdict is Verdict.DOWN
    assert restored[DOWN].renewed_at == 7.0
    assert [path.name for path in tmp_path.iterdir()] == ["health.json"]


def test_verdicts_expire_after_five_minutes_by_their_last_probe(tmp_path: Path) -> None:
    store = VerdictFile(tmp_path)
    store.save(STATES, monotonic_now=1000.0, unix_now=5000.0)
    probed_at = 4990.0
    assert set(store.restore(0.0, probed_at + EXPIRY_SECONDS)) == {UP}
    assert store.restore(0.0, probed_at + EXPIRY_SECONDS + 0.1) == {}


def test_verdicts_from_the_future_are_not_trusted(tmp_path: Path) -> None:
    store = VerdictFile(tmp_path)
    store.save(STATES, monotonic_now=1000.0, unix_now=5000.0)
    assert store.restore(0.0, 4000.0) == {}


def test_nothing_kept_yet_is_no_problem(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert VerdictFile(tmp_path).restore(0.0, 0.0) == {}
    assert caplog.records == []


GOOD = {"address": "192.0.2.1", "port": 25, "check": "ehlo", "state": "up", "since": 1, "probed": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"format": 2, "targets": []}',
        b'{"format": 1}',
        b'{"format": 1, "targets": 5}',
        b'{"format": 1, "targets": [5]}',
        json.dumps({"format": 1, "targets": [{**GOOD, "check": "magic"}]}).encode(),
        json.dumps({"format": 1, "targets": [{**GOOD, "state": "odd"}]}).encode(),
        json.dumps({"format": 1, "targets": [{**GOOD, "probed": None}]}).encode(),
    ],
)
def test_a_broken_file_is_told_of_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / "health.json").write_bytes(content)
    assert VerdictFile(tmp_path).restore(0.0, 2.0) == {}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(tmp_path / "health.json") in caplog.text


def test_failing_saves_are_told_once_and_the_old_file_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store = VerdictFile(tmp_path)
    store.save(STATES, 1000.0, 5000.0)
    (tmp_path / "health.tmp").mkdir()
    store.save({}, 1000.0, 5000.0)
    store.save({}, 1000.0, 5000.0)
    assert [record.getMessage().split()[0] for record in caplog.records] == ["event=save_failed"]
    assert set(store.restore(0.0, 5000.0)) == {UP, DOWN}
    (tmp_path / "health.tmp").rmdir()
    store.save({}, 1000.0, 5000.0)
    store.save({}, 1000.0, 5000.0)
    assert [record.getMessage().split()[0] for record in caplog.records[1:]] == [
        "event=save_works_again"
    ]


def test_a_change_is_saved_soon_and_no_save_follows_another_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    slept = asyncio.Event()
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        slept.set()
        await real_sleep(0)

    async def body() -> None:
        store = VerdictFile(tmp_path)
        saving = asyncio.create_task(store.keep_saving(lambda: STATES))
        for _ in range(2):
            store.note_change()
            slept.clear()
            await asyncio.wait_for(slept.wait(), 10)
            assert (tmp_path / "health.json").exists()
            (tmp_path / "health.json").unlink()
        saving.cancel()

    monkeypatch.setattr("rrdns.store.verdicts.asyncio.sleep", sleep)
    asyncio.run(body())
    assert pauses == [1.0, 1.0]


def test_without_a_change_they_are_saved_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        saving = asyncio.create_task(VerdictFile(tmp_path).keep_saving(lambda: STATES))
        while not (tmp_path / "health.json").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        saving.cancel()

    monkeypatch.setattr(verdicts, "_SAVE_SECONDS", 0.01)
    asyncio.run(asyncio.wait_for(body(), 10))
