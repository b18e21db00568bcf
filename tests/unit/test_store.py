import json
import logging
from pathlib import Path

import pytest

from rrdns.errors import StartError
from rrdns.health.state import TargetState, new_state
from rrdns.store import EXPIRY_SECONDS, Store
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
    store = Store(tmp_path)
    store.check_writable()
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
    store = Store(tmp_path)
    store.save(STATES, monotonic_now=1000.0, unix_now=5000.0)
    probed_at = 4990.0
    assert set(store.restore(0.0, probed_at + EXPIRY_SECONDS)) == {UP}
    assert store.restore(0.0, probed_at + EXPIRY_SECONDS + 0.1) == {}


def test_verdicts_from_the_future_are_not_trusted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save(STATES, monotonic_now=1000.0, unix_now=5000.0)
    assert store.restore(0.0, 4000.0) == {}


def test_nothing_kept_yet_is_no_problem(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Store(tmp_path).restore(0.0, 0.0) == {}
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
    assert Store(tmp_path).restore(0.0, 2.0) == {}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(tmp_path / "health.json") in caplog.text


def test_a_directory_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"cannot write to server\.state_directory .*null"):
        Store(tmp_path / "absent").check_writable()


def test_a_failed_save_is_logged_and_the_old_file_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    store.save(STATES, 1000.0, 5000.0)
    (tmp_path / "health.tmp").mkdir()
    store.save({}, 1000.0, 5000.0)
    assert "save_failed" in caplog.text
    assert set(store.restore(0.0, 5000.0)) == {UP, DOWN}
