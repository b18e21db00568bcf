"""A view of the file system in which any user can read Python and this project.

Both may stand below a directory that only root can enter. In a mount namespace of its own, and for
one command, such a directory is replaced by one that lets everybody through to what is needed.
"""

import os
import shlex
import stat
import sys
from pathlib import Path

from support.programs import require_program

ROOT = Path(__file__).parent.parent.parent


def prefix(stash: Path) -> list[str]:
    """Return the words to put before a command; `stash` is an empty directory to mount in."""
    lines = ["set -e"]
    replaced: dict[Path, Path] = {}
    for needed in dict.fromkeys(Path(p).resolve() for p in (sys.base_prefix, sys.prefix, ROOT)):
        blocked = _blocked(needed)
        if blocked is None:
            continue
        if blocked not in replaced:
            place = stash / str(len(replaced))
            replaced[blocked] = place
            lines += [
                f"mkdir -p {_q(place)}",
                f"mount --bind {_q(blocked)} {_q(place)}",
                f"mount -t tmpfs -o mode=755 none {_q(blocked)}",
            ]
        source = replaced[blocked] / needed.relative_to(blocked)
        entries = sorted(needed.iterdir()) if not _open(needed) else [needed]
        for entry in entries:
            found = source if entry == needed else source / entry.name
            made = f"mkdir -p {_q(entry)}" if entry.is_dir() else f"touch {_q(entry)}"
            lines += [f"mkdir -p {_q(entry.parent)}", made, f"mount --bind {_q(found)} {_q(entry)}"]
    script = "\n".join([*lines, 'exec "$@"'])
    return [require_program("unshare"), "--mount", "--propagation", "private",
            "sh", "-c", script, "sh"]  # fmt: skip


def _blocked(path: Path) -> Path | None:
    """Return the first directory on the way to a path that not everybody can enter."""
    return next((one for one in reversed([path, *path.parents]) if not _open(one)), None)


def _open(path: Path) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH
    return os.stat(path).st_mode & wanted == wanted  # noqa: PTH116


def _q(path: Path) -> str:
    return shlex.quote(str(path))
