import json
import logging
from pathlib import Path
from typing import Any

import pytest

from rrdns.health.select import Overrides
from rrdns.store.overrides import OverrideFile
from rrdns.targets import Override, Verdict

NOW = 1_764_000_000.0
OVERRIDES: Overrides = {
    ("server1", None): Override(Verdict.DOWN, NOW - 60.5, NOW + 7200, "new disks: grün"),
    ("mx4.example.com", "address"): Override(Verdict.UP, NOW),
}
ENTRY: dict[str, Any] = {
    "node": "server1",
    "role": None,
    "state": "down",
    "since": NOW,
    "until": None,
    "reason": "",
}


def test_overrides_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = OverrideFile(tmp_path)
    assert file.load(NOW) == {}
    file.save(OVERRIDES)
    assert OverrideFile(tmp_path).load(NOW) == OVERRIDES
    # Which one still holds is not the file's business.
    assert file.load(NOW + 86400) == OVERRIDES
    file.save({})
    assert file.load(NOW) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["overrides.json"]


def document(**changes: Any) -> bytes:
    return json.dumps({"format": 1, "overrides": [{**ENTRY, **changes}]}).encode()


def test_the_entry_that_bad_ones_are_made_of_is_good(tmp_path: Path) -> None:
    (tmp_path / "overrides.json").write_bytes(document())
    assert set(OverrideFile(tmp_path).load(NOW)) == {("server1", None)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 512,
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"5",
        b"null",
        b"[" * 100_000,
        b'{"format": 2, "overrides": []}',
        b'{"format": 1, "overrides": [], "more": 1}',
        b'{"format": 1, "overrides": 5}',
        b'{"format": 1, "overrides": [5]}',
        b'{"format": 1, "targets": []}',
        document()[:-7],
        document(state="unknown"),
        document(state="odd"),
        document(node=5),
        document(role=False),
        document(reason=None),
        document(since=None),
        document(since="now"),
        document(since=True),
        document(since=-1),
        document(since=float("nan")),
        document(until=float("inf")),
        document(until=1e300),
        document(more=1),
        b" " * (16 * 1024 * 1024 + 1),
    ],
)
def test_a_torn_or_foreign_file_is_told_of_and_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "overrides.json"
    path.write_bytes(content)
    assert OverrideFile(tmp_path).load(NOW) == {}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    (aside,) = tmp_path.iterdir()
    assert aside.name == "overrides.json.bad-20251124T160000Z"
    assert aside.read_bytes() == content
    assert str(path) in record.getMessage()
    assert str(aside) in record.getMessage()
    # And the next one is written as if nothing had been.
    OverrideFile(tmp_path).save(OVERRIDES)
    assert OverrideFile(tmp_path).load(NOW) == OVERRIDES


def test_what_is_no_file_is_set_aside_too(tmp_path: Path) -> None:
    (tmp_path / "overrides.json").mkdir()
    file = OverrideFile(tmp_path)
    assert file.load(NOW) == {}
    file.save(OVERRIDES)
    assert file.load(NOW) == OVERRIDES


def test_one_that_cannot_be_set_aside_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def rename(self: Path, target: Path) -> Path:
        raise OSError(30, "Read-only file system")

    (tmp_path / "overrides.json").write_bytes(b"torn")
    monkeypatch.setattr(Path, "rename", rename)
    assert OverrideFile(tmp_path).load(NOW) == {}
    assert "cannot be renamed: Read-only file system" in caplog.text
