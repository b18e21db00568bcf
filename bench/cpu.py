"""CPU time of a process and of everything it started, from /proc (proc(5))."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/PID/stat: times in seconds, all threads together.

    `reaped_seconds` is what the children took that ended and were waited for.
    """

    pid: int
    parent: int
    session: int
    own_seconds: float
    reaped_seconds: float


def parse_stat(text: str, ticks_per_second: int) -> Process:
    """Read one /proc/PID/stat; the command in it may hold spaces and parentheses."""
    pid = int(text[: text.index(" ")])
    fields = text[text.rindex(")") + 2 :].split()
    # Fields count from 1 in proc(5), and the third is the first after the command.
    user, system, reaped_user, reaped_system = (int(fields[number - 3]) for number in range(14, 18))
    return Process(
        pid=pid,
        parent=int(fields[4 - 3]),
        session=int(fields[6 - 3]),
        own_seconds=(user + system) / ticks_per_second,
        reaped_seconds=(reaped_user + reaped_system) / ticks_per_second,
    )


def tree(processes: Iterable[Process], root: int) -> list[Process]:
    """Return the root, its descendants, and those of its session that left the family.

    A server that forks twice hands its workers to init: they are still in the root's session.
    """
    known = {process.pid: process for process in processes}
    members = {root}
    grown = True
    while grown:
        found = {
            process.pid
            for process in known.values()
            if process.parent in members or process.session == root
        }
        grown = not found <= members
        members |= found
    return [known[pid] for pid in sorted(members) if pid in known]


def total_seconds(processes: Iterable[Process]) -> float:
    """Return user and system time of processes; a child that was reaped counts at its parent."""
    return sum(process.own_seconds + process.reaped_seconds for process in processes)


def cpu_seconds(root: int) -> float:
    """Return the CPU time so far of a process that leads its session, and of all below it."""
    return total_seconds(tree(_running(), root))


def resident_bytes(root: int) -> int:
    """Return the resident memory of the same processes; pages they share count for each."""
    pages = 0
    for process in tree(_running(), root):
        try:
            pages += int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE")


def _running() -> Iterator[Process]:
    ticks = os.sysconf("SC_CLK_TCK")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            yield parse_stat((entry / "stat").read_text(), ticks)
        except (FileNotFoundError, ProcessLookupError):
            continue
