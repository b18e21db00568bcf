"""One core for the servers and one for the load, so that neither takes time from the other."""

import os


def server_cpu() -> int | None:
    """Return the core that servers get; None where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0] if len(cores) > 1 else None


def load_cpu() -> int | None:
    """Return the core that the load gets."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[1] if len(cores) > 1 else None


def pinned(core: int | None) -> list[str]:
    """Return the words before a command that keep it on one core."""
    return [] if core is None else ["taskset", "--cpu-list", str(core)]
