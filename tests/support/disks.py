"""Small disks that a test can fill up, or make read-only."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.programs import missing, require_program
from support.waiting import wait_until


class Disk:
    """A file system in memory, mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Leave no octet free."""
        with (
            self._ballast.open("ab", buffering=0) as file,
            contextlib.suppress(OSError),
        ):
            while file.write(bytes(512)):
                pass

    def free(self) -> None:
        """Undo `fill`."""
        self._ballast.unlink()

    def set_writable(self, writable: bool) -> None:
        """Mount it anew; a file that is open for writing at that moment is waited for."""
        option = "rw" if writable else "ro"
        command = ["mount", "-o", f"remount,{option}", str(self.path)]
        wait_until(
            lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0,
            10,
            f"{self.path} becomes {option}",
        )


@contextlib.contextmanager
def disk(path: Path) -> Iterator[Disk]:
    """Mount a disk of 64 KiB; the test is skipped where that is not allowed."""
    require_program("mount")
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0755", "rrdns-test", str(path)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        missing(f"mounting a disk needs root (CAP_SYS_ADMIN): {made.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        # Whatever still uses it: nothing may be left behind.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        os.rmdir(path)  # noqa: PTH106
