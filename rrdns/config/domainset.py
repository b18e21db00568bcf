"""All filtered domains of a configuration: which profile each has, and which lines are bad."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Protocol

from rrdns.config.domains import MAX_TOLD, DomainList, parse_domain_file, parse_names
from rrdns.config.report import Place, Report
from rrdns.config.schema import DomainsModel
from rrdns.domainmap import DomainMap, DomainMapBuilder
from rrdns.errors import Problem, Severity
from rrdns.model import Profile
from rrdns.names import Name, to_text

Locate = Callable[[int], Place]

# With RNAME's hostmaster before it, a longer name would not fit (RFC 1035, section 2.3.4).
MAX_DOMAIN_OCTETS = 244


class _Source(Protocol):
    @property
    def shown(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def failure(self) -> str | None: ...


@dataclass(slots=True)
class _Lines:
    """Lines with something wrong: the first of them, their number, the last one's number.

    A line has its message, or the name that stands already elsewhere.
    """

    first: list[tuple[int, str | Name]] = field(default_factory=list)
    total: int = 0
    last: int = 0

    def add(self, lines: Sequence[tuple[int, str | Name]]) -> None:
        if lines:
            self.first.extend(lines[: MAX_TOLD - len(self.first)])
            self.total += len(lines)
            self.last = lines[-1][0]


@dataclass(frozen=True, slots=True)
class _List:
    """One list: how to read it (again), where its lines stand, and what is wrong with them."""

    read: Callable[[], Iterable[DomainList]]
    locate: Locate
    problems: list[Problem]
    bad: _Lines = field(default_factory=_Lines)
    twice: _Lines = field(default_factory=_Lines)


class DomainSet:
    """Collects the domains; errors of files' lines are kept apart from all other problems.

    `taken` has the names that cannot be filtered domains, each with the reason; `expected` is
    about how many domains there will be.
    """

    def __init__(self, report: Report, taken: Mapping[Name, str], expected: int = 0) -> None:
        self.report = report
        self.taken = taken
        self.bad_lines: list[Problem] = []
        self._builder = DomainMapBuilder(expected)
        self._lists: list[_List] = []

    def add(
        self,
        index: int,
        entry: DomainsModel,
        profile: Profile | None,
        profiles: Sequence[str],
        file: _Source | None,
    ) -> None:
        """Add one item of `domains`; `profiles` are the names of those that there are."""
        report = self.report
        if profile is None:
            listed = ", ".join(profiles) or "none"
            message = f"there is no profile {entry.profile}: the profiles are {listed}"
            report.error(report.at("domains", index, "profile"), message, needs=["profiles"])
        if not entry.names and entry.file is None:
            message = "this item has no domain: give it names, file or both"
            report.error(report.at("domains", index), message, needs=["domains"])
        names, here = parse_names(entry.names), ("domains", index, "names")
        told = report.problems
        lists = [_List(lambda: [names], lambda number: report.at(*here, number), told)]
        if file is not None and file.failure is None:
            read, shown = partial(parse_domain_file, file.data), file.shown
            lists.append(_List(read, lambda line: Place(shown, line, 1), self.bad_lines))
        elif file is not None:
            message = f"cannot read {file.shown}: {file.failure}"
            report.error(report.at("domains", index, "file"), message)
        self._lists += lists
        try:
            for each in lists:
                for piece in each.read():
                    self._add(each, piece, profile)
        except ValueError as error:
            report.error(report.at("domains", index), f"too much: {error}")

    def finish(self) -> DomainMap:
        """Tell what is wrong with the lines of all lists; return the domains."""
        firsts = self._first_places()
        for each in self._lists:
            for lines, problems, severity, kind in (
                (each.bad, each.problems, Severity.ERROR, "bad"),
                (each.twice, self.report.problems, Severity.WARNING, "repeated"),
            ):
                for line, said in lines.first:
                    message = said if isinstance(said, str) else self._twice(said, firsts, severity)
                    problems.append(_problem(each.locate(line), message, severity))
                if lines.total > MAX_TOLD:
                    message = (
                        f"{lines.total} {kind} lines in all, of which the first {MAX_TOLD} are told"
                    )
                    problems.append(_problem(each.locate(lines.last), message, severity))
        return self._builder.build()

    def _add(self, each: _List, piece: DomainList, profile: Profile | None) -> None:
        names, lines = piece.names, piece.lines
        bad: list[tuple[int, str | Name]] = list(piece.errors)
        refused = self._refused(names)
        if refused:
            pairs = list(zip(lines, names, strict=True))
            bad += [(line, refused[name]) for line, name in pairs if name in refused]
            lines = [line for line, name in pairs if name not in refused]
            names = [name for name in names if name not in refused]
        twice: list[tuple[int, str | Name]] = []
        if profile is None:
            known: Iterable[int] = range(len(names))
        else:
            known = self._builder.add(names, profile)
        domains = self._builder.so_far
        for index in known:
            name = names[index]
            other = domains.get(name)
            if other is not None:
                (twice if other is profile else bad).append((lines[index], name))
        bad.sort(key=itemgetter(0))
        each.bad.add(bad)
        each.twice.add(twice)

    def _refused(self, names: Sequence[Name]) -> dict[Name, str]:
        """Return those of the names that cannot be domains, each with what to say of it."""
        taken = self.taken
        if taken.keys().isdisjoint(names) and max(map(len, names), default=0) <= MAX_DOMAIN_OCTETS:
            return {}
        return {
            name: f"{_shown(name)} {taken.get(name, 'is too long for a mail domain')}: remove it"
            for name in names
            if name in taken or len(name) > MAX_DOMAIN_OCTETS
        }

    def _twice(self, name: Name, firsts: Mapping[Name, Place], severity: Severity) -> str:
        shown, first = _shown(name), firsts[name]
        if severity is Severity.WARNING:
            return f"{shown} stands already at {first}: remove one"
        other = self._builder.so_far[name].name
        return f"{shown} has already the profile {other} at {first}: keep one of the two"

    def _first_places(self) -> dict[Name, Place]:
        """Return where each name stands first that is told to stand twice."""
        wanted = {
            said
            for each in self._lists
            for lines in (each.bad, each.twice)
            for _, said in lines.first
            if isinstance(said, bytes)
        }
        firsts: dict[Name, Place] = {}
        for each in self._lists:
            if not wanted:
                break
            for piece in each.read():
                if wanted.isdisjoint(piece.names):
                    continue
                for line, name in zip(piece.lines, piece.names, strict=True):
                    if name in wanted:
                        wanted.discard(name)
                        firsts[name] = each.locate(line)
        return firsts


def _shown(name: Name) -> str:
    return to_text(name).removesuffix(".")


def _problem(place: Place, message: str, severity: Severity) -> Problem:
    return Problem(place.file, place.line, place.column, place.path, message, severity)
