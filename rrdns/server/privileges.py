"""Becoming an ordinary user for good, once what needs root is done.

Without systemd, which starts the server as a user of its own with one capability.
"""

import ctypes
import errno
import logging
import os
import pwd
from collections.abc import Iterable
from pathlib import Path

import rrdns
from rrdns.errors import StartError

_log = logging.getLogger("rrdns.server")

# Linux's numbers (prctl(2)).
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_MAX_CAPABILITIES = 64

_libc = ctypes.CDLL(None, use_errno=True)


def become(name: str, *, directories: Iterable[str], readable: Iterable[str]) -> None:
    """Become the user `name` with its groups, without any capability, for good.

    `directories` are those that the server writes to: missing ones are made, and given to the
    user; those that are there stay as they are. `readable` are files that a reload will want to
    read: one that the user cannot read is told of. To be called before other threads rely on being
    root. Raises StartError, with what to do.
    """
    user = _find(name)
    if os.getuid() != 0:
        if os.getuid() == user.pw_uid:
            return
        raise StartError(
            f"cannot become the user {name} of server.user: the server was not started as root;"
            f" start it as root or as {name}, or set server.user to null"
        )
    try:
        for directory in directories:
            _give(Path(directory), user)
        _drop_bounding_set()
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        os.initgroups(name, user.pw_gid)
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        # With the last uid of 0 the kernel clears all other capability sets (capabilities(7)).
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    except OSError as error:
        raise StartError(
            f"cannot become the user {name} of server.user: {error.strerror}"
        ) from error
    os.environ["HOME"] = user.pw_dir
    for installed in (os.__file__, rrdns.__file__):
        # Modules are imported late, too.
        if not os.access(installed, os.R_OK):
            raise StartError(
                f"the user {name} cannot read {Path(installed).parent}: install Python and rrdns"
                " where everybody can read them"
            )
    _log.info("user=%s uid=%d gid=%d", name, user.pw_uid, user.pw_gid)
    for file in readable:
        if not os.access(file, os.R_OK):
            _log.warning("%s cannot read %s: a reload will be refused", name, file)


def _find(name: str) -> pwd.struct_passwd:
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise StartError(
            f"there is no user {name}, which server.user names: make it with"
            f" useradd --system --no-create-home {name}"
        ) from None
    if user.pw_uid == 0:
        raise StartError("server.user is root: name an ordinary user, or set it to null")
    return user


def _give(directory: Path, user: pwd.struct_passwd) -> None:
    if directory.exists():
        return
    directory.mkdir(mode=0o755, parents=True)
    os.chown(directory, user.pw_uid, user.pw_gid)


def _drop_bounding_set() -> None:
    for capability in range(_MAX_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) == 1:
            _prctl(_PR_CAPBSET_DROP, capability)


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, argument, 0, 0, 0) != 0:
        code = ctypes.get_errno() or errno.EPERM
        raise OSError(code, os.strerror(code))
