"""Files that are replaced as a whole, and broken ones that are put out of the way."""

import contextlib
import errno
import os
import time
from pathlib import Path


def replace_file(path: Path, content: str) -> None:
    """Replace a file by one with this content, so that a crash leaves the old or the new one.

    On return it is on the disk. Raises OSError; the old one is still there then, unless only the
    directory's last change could not be confirmed.
    """
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems know no such thing for directories, and need none.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def set_aside(path: Path, unix_now: float) -> Path:
    """Rename a file to NAME.bad-TIME, and return that; raises OSError."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(unix_now))
    aside = path.with_name(f"{path.name}.bad-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.bad-{stamp}-{number}")
    path.rename(aside)
    return aside
