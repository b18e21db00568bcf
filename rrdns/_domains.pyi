"""The loops of `rrdns.domainmap` and `rrdns.config.domains`, compiled."""

from array import array
from collections.abc import Collection

from rrdns.names import Name

def insert(blob: bytearray, slots: array[int], end: int, names: list[Name]) -> list[int]:
    """See `rrdns.domainmap.insert`."""

def parents(
    blob: bytearray, slots: array[int], zones: Collection[Name], start: int, /
) -> tuple[set[Name], int]:
    """See `rrdns.domainmap.parents`; ValueError for octets that are no records.

    Leaves out the parents that are apexes themselves or have none above them.
    """

def plain_names(piece: bytes) -> list[Name] | None:
    """See `rrdns.config.domains.plain_names`."""
