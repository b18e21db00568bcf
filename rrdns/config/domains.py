"""Lists of filtered domains: a domain a line, in a file of any size, or names in the configuration.

Almost every line of a real list is plain lowercase ASCII, so that is the short way; only a line
that is anything else meets the slow way, which knows IDN and what to say about errors.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from rrdns.config.document import Tree
from rrdns.config.hostnames import absolute, check_hostname
from rrdns.config.scalars import text
from rrdns.names import ROOT, Name, labels

MAX_TOLD = 100
_PLAIN = re.compile(
    rb"(?=.{1,253}\Z)"
    rb"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z_](?:[a-z0-9_-]{0,61}[a-z0-9_])?",
)
_OCTET = [bytes([n]) for n in range(64)]


@dataclass(frozen=True, slots=True)
class DomainList:
    """The good names of a list, each with its line; and what is wrong with the other lines."""

    names: list[Name] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)


def parse_domain_file(data: bytes) -> DomainList:
    """Parse the octets of a domain file; lines end in LF or CRLF and count from 1."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    stripped = ((number, line.partition(b"#")[0].strip()) for number, line in enumerate(lines, 1))
    return _parse(pair for pair in stripped if pair[1])


def parse_names(names: Iterable[Tree]) -> DomainList:
    """Parse names of the configuration; their "lines" count from 0, as a list's items do."""
    good: list[tuple[int, bytes]] = []
    bad: list[tuple[int, str]] = []
    for number, name in enumerate(names):
        try:
            good.append((number, text(name).encode()))
        except ValueError as error:
            bad.append((number, str(error)))
    found = _parse(good)
    found.errors.extend(bad)
    return found


def _parse(numbered: Iterable[tuple[int, bytes]]) -> DomainList:
    found = DomainList()
    add_name, add_line = found.names.append, found.lines.append
    plain, octet = _PLAIN.fullmatch, _OCTET
    for number, line in numbered:
        lower = line.lower()
        if plain(lower):
            add_name(b"".join([octet[len(label)] + label for label in lower.split(b".")]) + b"\0")
            add_line(number)
            continue
        try:
            name = _domain(line)
        except ValueError as error:
            found.errors.append((number, str(error)))
        else:
            add_name(name)
            add_line(number)
    return found


def _domain(line: bytes) -> Name:
    try:
        shown = line.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text: save the file as UTF-8, or write the A-label") from None
    if any(char.isspace() for char in shown):
        raise ValueError(f"{shown!r} is not a domain name: one domain a line, without spaces")
    name = absolute(shown)
    if name == ROOT:
        raise ValueError("the root is not a domain")
    check_hostname(name)
    parts = labels(name)
    if len(parts) < 2:
        raise ValueError(f"{shown!r} is a single label: a domain has at least two")
    if parts[-1].isdigit():
        raise ValueError(f"{shown!r} looks like an address: write a domain name")
    return name
