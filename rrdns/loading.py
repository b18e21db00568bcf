"""Reads a configuration with all files that it names; the only place where they are opened."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rrdns.config import Inputs, SourceFile, check, referenced_files, resolve
from rrdns.dns.zonefile import parse_rdata, parse_zone_file
from rrdns.errors import ConfigError, Problem, UnreadableError
from rrdns.settings import Config


class Stamp(NamedTuple):
    """What tells one writing of a file from the next."""

    device: int
    inode: int
    octets: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and what there is to say about it.

    `problems` are warnings and information; of a tolerant load also the errors of domain files'
    lines that were left out. `files` are the absolute paths of all files that were read, each
    with its stamp from just before.
    """

    config: Config
    problems: tuple[Problem, ...]
    files: Mapping[str, Stamp | None] = field(default_factory=dict)


def load(path: str | os.PathLike[str], *, tolerant: bool = False) -> Loaded:
    """Read, check and resolve a configuration.

    With `tolerant` (a cold start) a bad line of a domain file is left out and told of; otherwise
    it refuses the configuration. Messages show paths as they are given. Raises ConfigError with
    every problem, or UnreadableError if the configuration itself cannot be read or is not UTF-8.
    """
    shown = os.fspath(path)
    stamps = {str(Path(shown).absolute()): stamp(shown)}
    source = _read(shown)
    if source.failure is not None:
        raise UnreadableError(f"cannot read the configuration {shown}: {source.failure}")
    checked = check(shown, _text(source))
    directory = Path(shown).parent
    files: dict[str, SourceFile] = {}
    for name in referenced_files(checked.root):
        file = directory / name
        stamps[str(file.absolute())] = stamp(file)
        files[name] = _read(str(file))
    digest = hashlib.sha256(source.data)
    for found in files.values():
        digest.update(found.data)
    resolved = resolve(
        checked,
        Inputs(
            path=str(Path(shown).absolute()),
            sha256=digest.hexdigest(),
            mtime=source.mtime,
            files=files,
            parse_rdata=parse_rdata,
            parse_zone_file=parse_zone_file,
        ),
    )
    config = resolved.lenient if tolerant else resolved.config
    if config is None:
        raise ConfigError(resolved.problems)
    return Loaded(config, resolved.problems, stamps)


def stamp(path: str | os.PathLike[str]) -> Stamp | None:
    """Return the stamp of a file as it is now, None where there is none to be seen."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _read(path: str) -> SourceFile:
    try:
        with Path(path).open("rb") as file:
            mtime = os.fstat(file.fileno()).st_mtime
            return SourceFile(path, file.read(), mtime)
    except (OSError, ValueError) as error:
        # ValueError: a NUL in the path.
        return SourceFile(path, failure=getattr(error, "strerror", None) or str(error))


def _text(source: SourceFile) -> str:
    try:
        return source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = source.data.rfind(b"\n", 0, error.start) + 1
        line = source.data.count(b"\n", 0, start) + 1
        column = len(source.data[start : error.start].decode()) + 1
        place = f"{source.shown}:{line}:{column}"
        raise UnreadableError(f"{place}: not UTF-8 text: save the file as UTF-8") from error
