"""The limit of open files: a shell's default would not do for the connections that we allow."""

import logging
import resource

_log = logging.getLogger("rrdns.server")

# Beside TCP connections: probes (500 at once by default), HTTP, listening sockets, files.
_OTHERS = 1024


def allow_connections(count: int) -> None:
    """Raise the soft limit of open files for so many connections, as far as the hard one lets.

    Where it does not, a warning tells; connections over it would wait to be accepted.
    """
    wanted = count + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _log.warning(
            "%d open files are too few for %d TCP connections: raise the limit (LimitNOFILE,"
            " ulimit -n) to %d, or lower limits.tcp_connections",
            allowed,
            count,
            wanted,
        )
