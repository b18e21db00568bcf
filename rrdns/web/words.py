"""How ages and probe results are put to people."""

from typing import Any

_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def age_text(seconds: float) -> str:
    """Return a duration in its largest unit, for people: ``59s``, ``3m``, ``2d``."""
    whole = max(0, round(seconds))
    for unit, size in _UNITS:
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def left_text(seconds: float) -> str:
    """Return a time that is left, in two units at most: ``59s``, ``1h59m``, ``2d``."""
    rest = max(0, round(seconds))
    words = []
    for unit, size in (*_UNITS, ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words[:2]) or "0s"


def result_text(last: dict[str, Any]) -> str:
    """Return how a probe ended, from its entry in the status: ``timeout in banner``."""
    words = [last["result"]]
    if last["phase"]:
        words.append(f"in {last['phase']}")
    if last["code"] is not None:
        words.append(str(last["code"]))
    if last["text"]:
        words.append(last["text"])
    return " ".join(words)
