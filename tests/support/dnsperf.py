"""dnsperf beside a test: a load at a steady rate, whose beginning can be waited for."""

from pathlib import Path

from support.programs import require_program

_SOCKETS = 100


def dnsperf(
    port: int, queries: Path, *, seconds: int, rate: int, timeout_seconds: int
) -> list[str]:
    """Return the command for a load on 127.0.0.1; what it prints comes line by line.

    Without that, a file has nothing of it before the end, and a test would wait for that.
    """
    words = [require_program("stdbuf"), "-oL", require_program("dnsperf")]
    words += ["-s", "127.0.0.1", "-p", str(port), "-d", str(queries)]
    # As many queries may be under way as there are in all: a pause of the server does not slow it.
    # What comes at once after a pause must find room in its sockets.
    words += ["-q", str(min(65_000, rate * seconds)), "-c", str(_SOCKETS)]
    return [*words, "-t", str(timeout_seconds), "-l", str(seconds), "-Q", str(rate)]
