"""The loops over domains, in Python and compiled: the same tests are for both."""

import pytest

from rrdns import domainloops, domainmap
from rrdns.config import domains
from support.programs import missing

try:
    from rrdns import _domains
except ImportError:
    _domains = None  # type: ignore[assignment]

KINDS = ("python", "compiled")


def use_loops(kind: str, patch: pytest.MonkeyPatch) -> None:
    """Have the domain map and the reader of domain files use one kind until `patch` ends."""
    if kind == "compiled" and _domains is None:
        missing("rrdns._domains is not built: RRDNS_NATIVE=require pip install -e .")
    lines, maps = (_domains, _domains) if kind == "compiled" else (domains, domainloops)
    patch.setattr(domains, "_plain_names", lines.plain_names)
    for name in ("insert", "parents", "strangers"):
        patch.setattr(domainmap, name, getattr(maps, name))
