"""The files that a configuration names, as they were read elsewhere."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a configuration names: its octets, its mtime (unix seconds), its shown name.

    `failure` is the system's word for why it could not be read; there are no octets then.
    """

    shown: str
    data: bytes = b""
    mtime: float = 0.0
    failure: str | None = None
