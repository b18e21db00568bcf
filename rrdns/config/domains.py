"""Lists of filtered domains: a domain a line, in a file of any size, or names in the configuration.

Almost every line of a real list is plain lowercase ASCII. So a file is read in pieces of many
lines, and a piece in which all are plain costs a few steps of the interpreter; a piece that is not
is cut smaller, and then read line by line. Only a line that is anything else meets the slow way,
which knows IDN and what to say about errors.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rrdns.config.document import Tree
from rrdns.config.hostnames import absolute, check_hostname
from rrdns.config.scalars import text
from rrdns.names import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, ROOT, Name, labels

MAX_TOLD = 100
# No step over a piece takes a millisecond: other threads wait for the interpreter meanwhile.
_PIECE_OCTETS = 32_768
_SMALLER_OCTETS = 1024
_COUNTED_OCTETS = 1 << 18
_BOM = b"\xef\xbb\xbf"
_PLAIN = re.compile(
    rb"(?=.{1,253}\Z)"
    rb"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z_](?:[a-z0-9_-]{0,61}[a-z0-9_])?",
)
# Many lines like that, but for the lengths. Possessive, since there is one way to read a line.
_PLAIN_LINES = re.compile(
    rb"(?:(?:[a-z0-9_]++(?:-++[a-z0-9_]++)*+\.)++[a-z_][a-z0-9_]*+(?:-++[a-z0-9_]++)*+\n)*+"
)
_NAMES = re.compile(rb"[^\0]+\0")
_OCTET = [bytes([n]) for n in range(MAX_LABEL_OCTETS + 1)]


@dataclass(frozen=True, slots=True)
class DomainList:
    """The good names of a list, each with its line; and what is wrong with the other lines."""

    names: Sequence[Name]
    lines: Sequence[int]
    errors: Sequence[tuple[int, str]]


def parse_domain_file(data: bytes) -> Iterator[DomainList]:
    """Parse the octets of a domain file, piece by piece; lines end in LF or CRLF, from 1 on."""
    line = 1
    for piece in _pieces(data, len(_BOM) if data.startswith(_BOM) else 0, _PIECE_OCTETS):
        names = _plain_names(piece)
        if names is not None:
            yield DomainList(names, range(line, line + len(names)), ())
            line += len(names)
            continue
        for smaller in _pieces(piece, 0, _SMALLER_OCTETS):
            count = smaller.count(b"\n")
            names = _plain_names(smaller)
            if names is not None:
                yield DomainList(names, range(line, line + count), ())
            else:
                stripped = (each.partition(b"#")[0].strip() for each in smaller.split(b"\n"))
                yield _parse(pair for pair in enumerate(stripped, line) if pair[1])
            line += count


def count_lines(data: bytes) -> int:
    """Return about how many lines with a domain a file can have; the shortest has four octets."""
    # Piece by piece: other threads wait for the interpreter meanwhile.
    lines = sum(
        data.count(b"\n", start, start + _COUNTED_OCTETS)
        for start in range(0, len(data), _COUNTED_OCTETS)
    )
    return min(lines, len(data) // 4) + 1


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
    return DomainList(found.names, found.lines, [*found.errors, *bad])


def _pieces(data: bytes, start: int, octets: int) -> Iterator[bytes]:
    """Cut octets into pieces of about so many, where lines end."""
    while start < len(data):
        end = data.rfind(b"\n", start, start + octets) + 1 or data.find(b"\n", start) + 1
        end = end or len(data)
        yield data[start:end]
        start = end


def plain_names(piece: bytes) -> list[Name] | None:
    """Return the name on each line of a piece, None if not all lines are plain."""
    lines = piece.lower().replace(b"\r\n", b"\n")
    if not lines.endswith(b"\n"):
        lines += b"\n"
    if not _PLAIN_LINES.fullmatch(lines):
        return None
    # A line's end becomes an empty label, which is the root at the end of a name.
    found = lines.replace(b"\n", b"..").split(b".")
    found.pop()
    lengths = list(map(len, found))
    if max(lengths) > MAX_LABEL_OCTETS:
        return None
    wire = [b""] * (2 * len(found))
    wire[::2] = map(_OCTET.__getitem__, lengths)
    wire[1::2] = found
    names: list[Name] = _NAMES.findall(b"".join(wire))
    return names if max(map(len, names)) <= MAX_NAME_OCTETS else None


_plain_names = plain_names
with suppress(ImportError):
    from rrdns._domains import plain_names as _plain_names


def _parse(numbered: Iterable[tuple[int, bytes]]) -> DomainList:
    names: list[Name] = []
    lines: list[int] = []
    errors: list[tuple[int, str]] = []
    plain, octet = _PLAIN.fullmatch, _OCTET
    for number, line in numbered:
        lower = line.lower()
        if plain(lower):
            name = b"".join([octet[len(label)] + label for label in lower.split(b".")]) + ROOT
        else:
            try:
                name = _domain(line)
            except ValueError as error:
                errors.append((number, str(error)))
                continue
        names.append(name)
        lines.append(number)
    return DomainList(names, lines, errors)


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
