"""The state directory as a start finds it."""

import errno
import logging
import os
from pathlib import Path

from rrdns.errors import StartError
from rrdns.settings import DEFAULT_STATE_DIRECTORY

_log = logging.getLogger("rrdns.store")

# Trouble of the disk, which may come and go: a name server does not stay away for that.
_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


def open_directory(directory: str | None) -> Path | None:
    """Return the directory to keep files in; None for no directory.

    A full disk or a read-only one is told in the log: what is there can still be read, and writing
    is tried each time anew. Raises StartError where an operator named a directory that is missing
    or not this user's; without such a default one the server does, with a warning.
    """
    if directory is None:
        return None
    path = Path(directory)
    probe = path / f".write-{os.getpid()}"
    try:
        # Some bytes: a full disk may still have room for an empty file.
        probe.write_bytes(b"probe\n")
    except OSError as error:
        said = f"cannot write to server.state_directory {path}: {error.strerror}"
        if error.errno in _DISK_TROUBLE:
            _log.error("event=state_directory_trouble %s: nothing is kept for a restart", said)
            return path
        told = StartError(f"{said}; create it for this user, or set it to null to keep nothing")
        if directory != DEFAULT_STATE_DIRECTORY:
            raise told from error
        _log.warning("nothing will be kept for a restart: %s", told)
        return None
    finally:
        _remove(probe)
    return path


def _remove(probe: Path) -> None:
    try:
        probe.unlink(missing_ok=True)
    except OSError as error:
        _log.debug("event=unlink_failed file=%s: %s", probe, error.strerror)
