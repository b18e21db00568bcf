"""The metrics page of a View, and what a metric says on it."""

import re

from rrdns.web.metrics import Exposition
from rrdns.web.view import View


def page(view: View, accept: str = "") -> str:
    _, slices = Exposition().render(view, accept)
    return b"".join(slices).decode()


def samples(view: View, name: str) -> dict[str, float]:
    """Return the values of a metric by the text of their labels, sorted by name."""
    found = {}
    for line in page(view).splitlines():
        if match := re.fullmatch(re.escape(name) + r"(?:{(.*)})? (\S+)", line):
            labels = match[1] or ""
            assert labels not in found
            found[labels] = float(match[2])
    return found
