"""All filtered domains of a configuration: which profile each has, and which lines are bad."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from rrdns.config.domains import MAX_TOLD, DomainList, parse_domain_file, parse_names
from rrdns.config.report import Place, Report
from rrdns.config.schema import DomainsModel
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


class DomainSet:
    """Collects the domains; errors of files' lines are kept apart from all other problems.

    `taken` has the names that cannot be filtered domains, each with the reason.
    """

    def __init__(self, report: Report, taken: Mapping[Name, str]) -> None:
        self.report = report
        self.taken = taken
        self.domains: dict[Name, Profile] = {}
        self.bad_lines: list[Problem] = []
        self._lists: list[tuple[DomainList, Locate]] = []

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
        found = parse_names(entry.names)
        here = ("domains", index, "names")
        self._add(found, lambda n: report.at(*here, n), profile, report.problems)
        if file is None:
            return
        if file.failure is not None:
            message = f"cannot read {file.shown}: {file.failure}"
            report.error(report.at("domains", index, "file"), message)
            return
        shown = file.shown
        found = parse_domain_file(file.data)
        self._add(found, lambda line: Place(shown, line, 1), profile, self.bad_lines)

    def _add(
        self, found: DomainList, locate: Locate, profile: Profile | None, errors: list[Problem]
    ) -> None:
        self._lists.append((found, locate))
        bad, twice = list(found.errors), []
        domains, taken = self.domains, self.taken
        for index, name in enumerate(found.names):
            if name in domains:
                if domains[name] is profile:
                    twice.append(index)
                else:
                    bad.append((found.lines[index], ""))
            elif name in taken or len(name) > MAX_DOMAIN_OCTETS:
                why = taken.get(name, "is too long for a mail domain")
                bad.append((found.lines[index], f"{_shown(name)} {why}: remove it"))
            elif profile is not None:
                domains[name] = profile
        bad.sort()
        self._tell(errors, locate, Severity.ERROR, bad[:MAX_TOLD], found)
        warnings = [(found.lines[index], "") for index in twice[:MAX_TOLD]]
        self._tell(self.report.problems, locate, Severity.WARNING, warnings, found)
        for total, told, severity, where in (
            (len(bad), errors, Severity.ERROR, bad[-1][0] if bad else 0),
            (
                len(twice),
                self.report.problems,
                Severity.WARNING,
                found.lines[twice[-1]] if twice else 0,
            ),
        ):
            if total > MAX_TOLD:
                what = "bad lines" if severity is Severity.ERROR else "repeated lines"
                message = f"{total} {what} in all, of which the first {MAX_TOLD} are told"
                told.append(_problem(locate(where), message, severity))

    def _tell(
        self,
        told: list[Problem],
        locate: Locate,
        severity: Severity,
        lines: Sequence[tuple[int, str]],
        found: DomainList,
    ) -> None:
        for line, message in lines:
            if not message:
                name = found.names[found.lines.index(line)]
                message = self._repeated(name, severity)
            told.append(_problem(locate(line), message, severity))

    def _repeated(self, name: Name, severity: Severity) -> str:
        first = next(
            locate(found.lines[found.names.index(name)])
            for found, locate in self._lists
            if name in found.names
        )
        if severity is Severity.WARNING:
            return f"{_shown(name)} stands already at {first}: remove one"
        other = self.domains[name].name
        return f"{_shown(name)} has already the profile {other} at {first}: keep one of the two"


def _shown(name: Name) -> str:
    return to_text(name).removesuffix(".")


def _problem(place: Place, message: str, severity: Severity) -> Problem:
    return Problem(place.file, place.line, place.column, place.path, message, severity)
