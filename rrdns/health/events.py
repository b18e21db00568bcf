"""The words in which the log tells of targets: keys and values, so that JSON gets them as fields.

Rules of this room: values in, text out; nothing here logs.
"""

import json

from rrdns.health.state import TargetState
from rrdns.targets import ProbeResult, Target, TargetKey


def describe_key(key: TargetKey) -> str:
    """Return a target's identity in words."""
    return f"address={key.address} port={key.port} check={key.check}"


def describe_target(target: Target, used_by: str = "") -> str:
    """Return a target in words, and who uses it where that is known."""
    described = describe_key(target.key)
    return f"{described} used_by={_value(used_by)}" if used_by else described


def describe_result(result: ProbeResult) -> str:
    """Return how a probe ended in words."""
    words = [f"result={result.reason}"]
    if result.phase is not None:
        words.append(f"phase={result.phase}")
    if result.code is not None:
        words.append(f"code={result.code}")
    if result.text is not None:
        words.append(f"text={json.dumps(result.text)}")
    return " ".join(words)


def describe_change(before: TargetState, after: TargetState) -> str:
    """Return a change of verdict in words: how long the former one held, and what ended it."""
    words = f"state={after.verdict} was={before.verdict}"
    words += f" was_seconds={after.since - before.since:.3f}"
    if after.renewed_at is None and before.renewed_at is not None:
        words += f" unrenewed_seconds={after.since - before.renewed_at:.3f}"
    return f"{words} {describe_result(after.last)}" if after.last is not None else words


def _value(text: str) -> str:
    plain = text.isprintable() and not any(char in text for char in ' "\\')
    return text if plain else json.dumps(text)
