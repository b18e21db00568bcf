"""CPU time of a process and of everything it started, from /proc (proc(5)).

/proc/PID/stat counts ticks of 10 ms for the whole process; /proc/PID/task/TID/schedstat counts
nanoseconds, but a thread's count ends with the thread. Where the two agree, the finer one is taken.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# How far the coarser count may lie behind the finer: user and system time round for themselves.
_TICKS_OF_ROUNDING = 2


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


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all below it took so far, by both counts.

    `threads` are nanoseconds by thread; empty where the kernel has no such count.
    """

    processes: int
    seconds: float
    threads: Mapping[int, int]


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
    return total_seconds(family(root))


def usage(root: int) -> Usage:
    """Return the CPU time so far of the same processes by both counts."""
    processes = family(root)
    threads: dict[int, int] = {}
    for process in processes:
        try:
            for task in Path(f"/proc/{process.pid}/task").iterdir():
                threads[int(task.name)] = int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return Usage(len(processes), total_seconds(processes), threads)


def spent(before: Usage, after: Usage, ticks_per_second: int) -> float:
    """Return the CPU seconds between two looks, by the finer count where it missed no thread."""
    coarse = after.seconds - before.seconds
    fine = sum(count - before.threads.get(thread, 0) for thread, count in after.threads.items())
    rounding = _TICKS_OF_ROUNDING * after.processes / ticks_per_second
    return fine / 1e9 if after.threads and fine / 1e9 >= coarse - rounding else coarse


def family(root: int) -> list[Process]:
    """Return a process that leads its session, and all below it, as they are now."""
    return tree(_running(), root)


def resident_bytes(root: int) -> int:
    """Return the resident memory of the same processes; pages they share count for each."""
    pages = 0
    for process in family(root):
        try:
            pages += int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE")


def proportional_bytes(root: int) -> int:
    """Return the memory of the same processes; a page that several share counts once in all."""
    return sum(_kilobytes(process.pid, "smaps_rollup", "Pss:") for process in family(root)) * 1024


def peak_bytes(root: int) -> int:
    """Return the highest resident memory that each of the same processes had, in sum."""
    return sum(_kilobytes(process.pid, "status", "VmHWM:") for process in family(root)) * 1024


def _kilobytes(pid: int, file: str, label: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(label))


def _running() -> Iterator[Process]:
    ticks = os.sysconf("SC_CLK_TCK")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            yield parse_stat((entry / "stat").read_text(), ticks)
        except (FileNotFoundError, ProcessLookupError):
            continue
