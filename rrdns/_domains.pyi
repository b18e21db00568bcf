"""The loops of `rrdns.domainloops` and `rrdns.config.domains`, compiled."""

from array import array
from collections.abc import Collection

from rrdns.names import Name

def insert(blob: bytearray, slots: array[int], end: int, names: list[Name], /) -> list[int]:
    """See `rrdns.domainloops.insert`."""

def parents(
    blob: bytearray, slots: array[int], zones: Collection[Name], start: int, /
) -> tuple[set[Name], int]:
    """See `rrdns.domainloops.parents`; ValueError for octets that are no records.

    Leaves out the parents that are apexes themselves or have none above them.
    """

def strangers(
    blob: bytearray, other: bytearray, slots: array[int], numbers: list[int], start: int, /
) -> tuple[list[Name], int]:
    """See `rrdns.domainloops.strangers`; ValueError for octets that are no records."""

def plain_names(piece: bytes) -> list[Name] | None:
    """See `rrdns.config.domains.plain_names`."""
