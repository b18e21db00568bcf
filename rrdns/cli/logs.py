"""How log records are written: key=value text or JSON, one line a record.

Text is time, level and logger, then the message, then what the record was given as `extra`.
"""

import json
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
# time, level and logger
_LEADING_FIELDS = 3
_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_PAIRS = re.compile(rf"{_PAIR.pattern}(?: {_PAIR.pattern})*")


def set_up(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send the records of all loggers from `level` on to a stream (stderr) as `form`, text or json.

    `level` is debug, info, warning or error.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Lines(_as_json if form == "json" else _as_text))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # asyncio tells of its selector, aiohttp of every request, watchfiles of what happens in a
    # directory: nothing of it is news.
    for name in ("asyncio", "aiohttp.access", "watchfiles"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Lines(logging.Formatter):
    def __init__(self, write: Callable[[dict[str, Any], str], str]) -> None:
        super().__init__()
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line, without its end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return self._write(fields, record.getMessage())


def _as_json(fields: dict[str, Any], message: str) -> str:
    # A message that is nothing but keys and values gives its keys to the document.
    if _PAIRS.fullmatch(message):
        fields = fields | {key: _unquoted(value) for key, value in _PAIR.findall(message)}
    else:
        fields = fields | {"msg": message}
    return json.dumps(fields, default=str, ensure_ascii=False)


def _as_text(fields: dict[str, Any], message: str) -> str:
    pairs = [f"{key}={_quoted(str(value))}" for key, value in fields.items()]
    # The message stands bare: it is often key=value pairs itself, and else easier to read so.
    pairs.insert(_LEADING_FIELDS, _printable(message))
    return " ".join(pairs)


def _printable(message: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in message
    )


def _quoted(value: str) -> str:
    if value and value.isprintable() and not any(char in value for char in ' "=\\'):
        return value
    return json.dumps(value, ensure_ascii=False)


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
