"""Exceptions for operators: each says what is wrong, where, and what to do.

Malformed packets are values, never exceptions; nothing here is raised on the way of a query.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding in a configuration matters: only an error refuses it."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding in an input file; `line` and `column` count from 1.

    `path` is the place in the configuration's own terms (``zones.example.com.hosts.mx1.ttl``),
    empty for a finding about the file's syntax.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        mark = "" if self.severity is Severity.ERROR else f"{self.severity}: "
        return f"{self.file}:{self.line}:{self.column}: {mark}{place}{self.message}"


class RrdnsError(Exception):
    """Something an operator must mend; `str()` of it is the one clear line to print."""


class ConfigError(RrdnsError):
    """A configuration is refused; carries every problem of it, in the files' order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnreadableError(RrdnsError):
    """A file that the configuration is made of cannot be read."""


class StartError(RrdnsError):
    """The server cannot start here: a busy port, a missing directory, a missing privilege."""


class ControlError(RrdnsError):
    """The running server cannot be reached, or refused what was asked of it."""
