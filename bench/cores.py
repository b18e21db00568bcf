"""One core for the servers and one for the load, so that neither takes time from the other."""

import os

# As this process was started: it keeps to the load's core itself, once it measures.
_CORES = sorted(os.sched_getaffinity(0))


def all_cpus() -> list[int]:
    """Return the cores that there are for all of it."""
    return list(_CORES)


def server_cpu() -> int | None:
    """Return the core that servers get; None where there is only one."""
    return _CORES[0] if len(_CORES) > 1 else None


def load_cpu() -> int | None:
    """Return the core that the load gets."""
    return _CORES[1] if len(_CORES) > 1 else None


def leave_the_servers_core() -> None:
    """Keep this process, and what it starts without a core of its own, off the servers' core."""
    if len(_CORES) > 1:
        os.sched_setaffinity(0, _CORES[1:])


def pinned(*cores: int | None) -> list[str]:
    """Return the words before a command that keep it on these cores; none for None."""
    chosen = [str(core) for core in cores if core is not None]
    return ["taskset", "--cpu-list", ",".join(chosen)] if chosen else []
