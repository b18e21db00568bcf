"""Gathers the problems of a configuration, each at its place."""

from collections.abc import Iterable
from dataclasses import dataclass

from rrdns.config.document import Document, path_text
from rrdns.errors import Problem, Severity


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: in the configuration (with a path), or in a file that it names."""

    file: str
    line: int
    column: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.path} (line {self.line})" if self.path else f"{self.file}:{self.line}"


class Report:
    """The problems found so far.

    `unsure` holds the sections of which some part was left out because of its own error: what
    seems to be missing there may be in that part, so a problem that `needs` one of them is not
    told (it would lead an operator astray).
    """

    def __init__(self, document: Document, unsure: Iterable[str] = ()) -> None:
        self.document = document
        self.unsure = frozenset(unsure)
        self.problems: list[Problem] = []

    def at(self, *path: str | int) -> Place:
        """Return the place of a path, or of as much of it as the file has."""
        line, column, known = self.document.locate(path)
        return Place(self.document.file, line, column, path_text(known))

    def at_key(self, *path: str | int) -> Place:
        """Return the place of the key that ends a path."""
        line, column = self.document.locate_key(path)
        return Place(self.document.file, line, column, path_text(path))

    def error(self, place: Place, message: str, *, needs: Iterable[str] = ()) -> None:
        """Add an error, unless it needs a section that is not wholly known."""
        self._add(place, message, Severity.ERROR, needs)

    def warning(self, place: Place, message: str, *, needs: Iterable[str] = ()) -> None:
        """Add a warning."""
        self._add(place, message, Severity.WARNING, needs)

    def info(self, place: Place, message: str) -> None:
        """Add a finding that is no fault."""
        self._add(place, message, Severity.INFO, ())

    def _add(self, place: Place, message: str, severity: Severity, needs: Iterable[str]) -> None:
        if self.unsure.isdisjoint(needs):
            self.problems.append(
                Problem(place.file, place.line, place.column, place.path, message, severity)
            )

    @property
    def failed(self) -> bool:
        """Whether there is an error among the problems."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def sorted(self) -> list[Problem]:
        """Return the problems: the configuration's first, then file by file, each by line."""
        order = {self.document.file: 0}
        for problem in self.problems:
            order.setdefault(problem.file, len(order))
        return sorted(self.problems, key=lambda p: (order[p.file], p.line, p.column))
