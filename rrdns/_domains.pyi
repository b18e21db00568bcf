"""The loops of `rrdns.domainmap` and `rrdns.config.domains`, compiled."""

from array import array

from rrdns.names import Name

def insert(blob: bytearray, slots: array[int], end: int, names: list[Name]) -> list[int]:
    """See `rrdns.domainmap.insert`."""

def parents(blob: bytearray, start: int) -> tuple[set[Name], int]:
    """See `rrdns.domainmap.parents`; ValueError for octets that are no records."""

def plain_names(piece: bytes) -> list[Name] | None:
    """See `rrdns.config.domains.plain_names`."""
