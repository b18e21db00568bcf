import errno
import logging
from pathlib import Path

import pytest

from rrdns.errors import StartError
from rrdns.settings import DEFAULT_STATE_DIRECTORY
from rrdns.store.directory import open_directory


def failing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def write_bytes(self: Path, data: bytes) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def test_a_directory_is_left_as_it_was(tmp_path: Path) -> None:
    assert open_directory(str(tmp_path)) == tmp_path
    assert list(tmp_path.iterdir()) == []
    assert open_directory(None) is None


def test_a_directory_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"cannot write to server\.state_directory .*null"):
        open_directory(str(tmp_path / "absent"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="Not a directory"):
        open_directory(str(tmp_path / "file"))


def test_without_the_default_one_the_server_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, errno.EACCES)
    assert open_directory(DEFAULT_STATE_DIRECTORY) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "nothing will be kept for a restart" in record.getMessage()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_trouble_of_the_disk_is_told_and_no_reason_to_stay_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    failing(monkeypatch, number)
    assert open_directory(str(tmp_path)) == tmp_path
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f"server.state_directory {tmp_path}" in record.getMessage()


def test_a_file_that_cannot_be_removed_again_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlink(self: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "no")

    monkeypatch.setattr(Path, "unlink", unlink)
    assert open_directory(str(tmp_path)) == tmp_path
