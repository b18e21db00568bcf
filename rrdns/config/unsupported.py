"""Settings that are part of the contract and whose behaviour is not built yet.

Each is refused when it is set to anything but its default, so that none is silently ignored.
"""

from collections.abc import Iterator
from typing import Any

from rrdns.config.report import Report
from rrdns.config.schema import ProbeModel, RootModel

_CHECKS = ("none", "tcp", "ehlo")


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
    yield from _of_probe(("health",), root.health)
    for name, node in root.nodes.items():
        yield from _of_probe(("nodes", name, "health"), node.health)
    for zone_name, zone in root.zones.items():
        for name, host in zone.hosts.items():
            path = ("zones", zone_name, "hosts", name)
            yield from _of_probe((*path, "health"), host.health)


def _of_values(
    path: tuple[str, ...], model: Any, defaults: dict[str, Any], shown: str | None = None
) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, default in defaults.items():
        if getattr(model, key) != default:
            yield (*path, key), shown or ("null" if default is None else str(default))


def _of_probe(
    path: tuple[str, ...], model: ProbeModel | None
) -> Iterator[tuple[tuple[str, ...], str]]:
    if model is None:
        return
    if model.check not in _CHECKS:
        yield (*path, "check"), "none, tcp or ehlo"
    yield from _of_values(path, model, {"recipient": None})
    yield from _of_values(path, model, {"verify": False}, "false")
