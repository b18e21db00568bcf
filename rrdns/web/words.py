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
