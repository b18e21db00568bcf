"""The loops over all of a million domains, in Python: what `rrdns._domains` does compiled.

They work on the blocks of a domain map, which `rrdns.domainmap` describes. Each deals with a piece
of them at a time, so that no other thread waits long for the interpreter.
"""

import re
from array import array
from collections.abc import Collection, Iterator
from typing import TypeAlias

from rrdns.names import Name

Slots: TypeAlias = "array[int]"

TAG = 0xFFFFFFFF_00000000
OFFSET = 0x00000000_FFFFFFFF
_RECORD = re.compile(rb"..([^\0]*\0)", re.DOTALL)
_RECORDS = re.compile(rb"(?:..[^\0]*+\0){1,1000}+", re.DOTALL)


def insert(blob: bytearray, slots: Slots, end: int, names: list[Name], /) -> list[int]:
    """Enter records of `blob` from `end` on, which are those of `names`, into the slots.

    Returns the indexes of names that were there already; their records are cut out.
    """
    mask = len(slots) - 1
    known: list[int] = []
    offset = end + 1
    for index, name in enumerate(names):
        hashed = hash(name)
        place = hashed & mask
        while word := slots[place]:
            if not (word ^ hashed) & TAG and blob.startswith(name, (word & OFFSET) + 1):
                known.append(index)
                del blob[offset - 1 : offset + 1 + len(name)]
                break
            place = (place + 1) & mask
        else:
            slots[place] = hashed & TAG | offset
            offset += len(name) + 2
    return known


def parents(
    blob: bytearray, _slots: Slots, _zones: Collection[Name], start: int, /
) -> tuple[set[Name], int]:
    """Return the names right above those of some records from `start` on, and the records' end.

    With the slots and the apexes of zones those can be left out that have no apex above them.
    """
    names, end = some_names(blob, start, len(blob))
    return {name[1 + name[0] :] for name in names} - {b""}, end


def strangers(
    blob: bytearray, other: bytearray, slots: Slots, numbers: list[int], start: int, /
) -> tuple[list[Name], int]:
    """Return which names of some records from `start` on another map has not, and the records' end.

    Or has with another profile: `other` and `slots` are its blocks, and for each number of a
    profile here `numbers` has the one there, -1 where there is none.
    """
    names, end = some_names(blob, start, len(blob))
    found = []
    for name in names:
        there = find(other, slots, name)
        if there < 0 or _number(other, there) != numbers[_number(blob, start)]:
            found.append(name)
        start += 2 + len(name)
    return found, end


def find(blob: bytearray, slots: Slots, name: Name) -> int:
    """Return the offset of a name's record, -1 for none."""
    mask = len(slots) - 1
    hashed = hash(name)
    place = hashed & mask
    while word := slots[place]:
        if not (word ^ hashed) & TAG and blob.startswith(name, (word & OFFSET) + 1):
            return (word & OFFSET) - 1
        place = (place + 1) & mask
    return -1


def names_before(blob: bytearray, end: int) -> Iterator[Name]:
    """Yield the names of the records before `end`."""
    start = 0
    while start < end:
        names, start = some_names(blob, start, end)
        yield from names


def some_names(blob: bytearray, start: int, end: int) -> tuple[list[Name], int]:
    """Return the names of some records between `start` and `end`, and where those records end."""
    found = _RECORDS.match(blob, start, end)
    stop = found.end() if found else end
    return _RECORD.findall(blob, start, stop), stop


def _number(blob: bytearray, record: int) -> int:
    return blob[record] << 8 | blob[record + 1]
