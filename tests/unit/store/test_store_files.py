import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rrdns.store.files import replace_file, set_aside

NOW = 1_764_000_000.0


def test_a_file_is_on_the_disk_before_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        steps.append(f"fsync {name}")
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        steps.append(f"rename {self.name} {target.name}")
        return rename(self, target)

    monkeypatch.setattr("rrdns.store.files.os.fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    replace_file(tmp_path / "a.json", "one")
    assert steps == ["fsync a.tmp", "rename a.tmp a.json", f"fsync {tmp_path.name}"]
    replace_file(tmp_path / "a.json", "two")
    assert (tmp_path / "a.json").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.json"
    replace_file(path, "one")
    monkeypatch.setattr("rrdns.store.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, "two")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "one")]


# Ends itself before the given line of what it runs in files.py, with nothing cleaned up.
KILLED_AT = """
import os, signal, sys
from pathlib import Path
from rrdns.store import files

left = int(sys.argv[2])

def trace(frame, event, arg):
    global left
    if frame.f_code.co_filename == files.__file__ and event == "line":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

sys.settrace(trace)
files.replace_file(Path(sys.argv[1]), "new" * 10_000)
"""


def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    found = []
    for line in range(100):
        path.write_text("old")
        command = [sys.executable, "-c", KILLED_AT, str(path), str(line)]
        done = subprocess.run(command, check=False, timeout=60)
        found.append(path.read_text().replace("new" * 10_000, "new"))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert set(found) == {"old", "new"}
    # Once it is the new one it stays so.
    assert found == sorted(found, reverse=True)
    assert len(found) > 8


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_directory_that_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raised: bool
) -> None:
    def refuse(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink() == tmp_path:
            raise OSError(number, "no")

    monkeypatch.setattr("rrdns.store.files.os.fsync", refuse)
    path = tmp_path / "a.json"
    if raised:
        with pytest.raises(OSError, match="no"):
            replace_file(path, "one")
    else:
        replace_file(path, "one")
    assert path.read_text() == "one"


def test_files_that_are_set_aside_do_not_replace_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    found = []
    for content in ("one", "two", "three"):
        path.write_text(content)
        found.append(set_aside(path, NOW))
    assert [aside.name for aside in found] == [
        "a.json.bad-20251124T160000Z",
        "a.json.bad-20251124T160000Z-2",
        "a.json.bad-20251124T160000Z-3",
    ]
    assert [aside.read_text() for aside in found] == ["one", "two", "three"]
    assert not path.exists()
