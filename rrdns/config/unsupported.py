"""Settings that are part of the contract and whose behaviour is not built yet.

Each is refused when it is set to anything but its default, so that none is silently ignored.
"""

from collections.abc import Iterator

from rrdns.config.report import Report
from rrdns.config.schema import RootModel


def refuse_unsupported(report: Report, root: RootModel) -> None:
    """Report every setting that is not supported yet."""
    for path, default in _unsupported(root):
        place = report.at(*path)
        report.error(place, f"not supported yet: leave {path[-1]} at {default}")


def _unsupported(root: RootModel) -> Iterator[tuple[tuple[str, ...], str]]:
    server = root.server
    if server.udp_workers not in (None, 1):
        yield ("server", "udp_workers"), "auto or 1"
    if server.executor == "native":
        yield ("server", "executor"), "auto or python"
    if server.user is not None:
        yield ("server", "user"), "null"
    if server.watch:
        yield ("server", "watch"), "false"
