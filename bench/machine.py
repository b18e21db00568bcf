"""On what the figures were measured, and with which versions of the others."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bench.servers.world import Server

_VERSION_WORDS = {
    "nsd": ["-v"],
    "knot": ["--version"],
    "gdnsd": ["-h"],
    "bind": ["-v"],
    "powerdns": ["--version"],
}
_TIMEOUT_SECONDS = 10


def machine() -> str:
    """Return one line: processor, cores, kernel, Python."""
    kernel = platform.release().split("-")[0]
    return (
        f"{_processor()}, {os.cpu_count() or 1} cores, Linux {kernel}, "
        f"Python {platform.python_version()}"
    )


def memory_bytes() -> int:
    """Return the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def versions(servers: Iterable[Server]) -> dict[str, str]:
    """Return the versions of those servers that are installed and tell."""
    found = {}
    for server in servers:
        program = server.find()
        if program is None or server.name not in _VERSION_WORDS:
            continue
        done = subprocess.run(
            [program, *_VERSION_WORDS[server.name]],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        told = version_in(done.stdout + done.stderr)
        if told is not None:
            found[server.name] = told
    return found


def version_in(words: str) -> str | None:
    """Return the first thing in a program's words that looks like a version."""
    number = re.search(r"\b\d+\.\d+\.\d+\b", words)
    return None if number is None else number[0]


def revision() -> str | None:
    """Return the commit of the source, with a plus sign where files differ from it."""
    source = str(Path(__file__).parent.parent)
    try:
        commit = _git(source, "rev-parse", "--short", "HEAD")
        changed = _git(source, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed else "")


def _git(source: str, *words: str) -> str:
    done = subprocess.run(["git", "-C", source, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()
