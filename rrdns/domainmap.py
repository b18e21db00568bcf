"""The filtered domains and their profiles, in little memory: a Mapping without an object a name.

Two blocks of plain octets hold it, so that a domain costs at most 26 octets beyond its name, the
garbage collector has nothing to look at, and a compiled executor has nothing to copy:

- `blob`: the records one after another, each the number of its profile (two octets, big-endian)
  and the name in wire format, which ends in its zero octet.
- `slots`: a hash table with linear probing of 64-bit words, a power of two of them and at least
  three for every two names. A word is 0 where it is empty, else the upper 32 bits of the name's
  hash, then one more than the record's offset in `blob`. A name's first place is its hash modulo
  their number. The hash is Python's own of the name's octets (keyed, so that nobody can choose
  names that collide), as an unsigned number of 64 bits.

A name has no zero octet but its last, as no host name has: so a record is compared without knowing
its length, and records are told apart by a regular expression.
"""

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar, overload

from rrdns.domainloops import OFFSET, TAG, Slots, insert, names_before, parents, strangers
from rrdns.model import Profile
from rrdns.names import Name

# Compiled ones are many times quicker, where they are built.
with suppress(ImportError):
    from rrdns._domains import insert, parents, strangers

_Default = TypeVar("_Default")

MAX_PROFILES = 1 << 16
MAX_BLOB_OCTETS = (1 << 32) - 1
_FEWEST_SLOTS = 8
_BLOCK_SLOTS = 1 << 13


class DomainMap(Mapping[Name, Profile]):
    """Filtered domains by apex, in the order in which they were added; see the module's words.

    `profiles` has the profiles by number. A DomainMap is made by `DomainMap.of` or by a builder,
    and nothing changes it afterwards.
    """

    __slots__ = ("_count", "_mask", "blob", "profiles", "slots")

    def __init__(
        self, blob: bytearray, slots: Slots, profiles: tuple[Profile, ...], count: int
    ) -> None:
        self.blob = blob
        self.slots = slots
        self.profiles = profiles
        self._count = count
        self._mask = len(slots) - 1

    @classmethod
    def of(cls, domains: Mapping[Name, Profile]) -> "DomainMap":
        """Return any mapping of domains as a DomainMap: itself if it is one."""
        if isinstance(domains, cls):
            return domains
        builder = DomainMapBuilder(len(domains))
        for name, profile in domains.items():
            builder.add([name], profile)
        return builder.build()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Name]:
        return names_before(self.blob, len(self.blob))

    def parents(self, zones: Collection[Name]) -> Iterator[Name]:
        """Yield the names right above the domains, each at least once, and most not much oftener.

        Names that no domain and none of `zones` stands above may be left out; the root has none.
        """
        start = 0
        while start < len(self.blob):
            found, start = parents(self.blob, self.slots, zones, start)
            yield from found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, bytes) and self.get(name) is not None

    def __getitem__(self, name: Name) -> Profile:
        profile = self.get(name)
        if profile is None:
            raise KeyError(name)
        return profile

    @overload
    def get(self, name: Name, /) -> Profile | None: ...
    @overload
    def get(self, name: Name, /, default: Profile | _Default) -> Profile | _Default: ...
    def get(
        self, name: Name, /, default: Profile | _Default | None = None
    ) -> Profile | _Default | None:
        """Return the profile of a domain, or `default` for what is none."""
        # Every query for a domain comes through here where no compiled executor runs.
        slots, mask = self.slots, self._mask
        hashed = hash(name)
        place = hashed & mask
        while word := slots[place]:
            if not (word ^ hashed) & TAG:
                blob, offset = self.blob, word & OFFSET
                if blob.startswith(name, offset + 1):
                    return self.profiles[blob[offset - 1] << 8 | blob[offset]]
            place = (place + 1) & mask
        return default


def differences(
    old: DomainMap, new: DomainMap
) -> Iterator[tuple[Name, Profile | None, Profile | None]]:
    """Yield each domain that is not in both with profiles of the same name, and its profiles.

    First those of the new one, then those that it has no more.
    """
    if old is new:
        return
    added = 0
    for name in _walk(new, old):
        before = old.get(name)
        added += before is None
        yield name, before, new[name]
    if len(old) + added > len(new):
        for name in _walk(old, new):
            if name not in new:
                yield name, old[name], None


class DomainMapBuilder:
    """Builds a DomainMap of about `expected` names."""

    def __init__(self, expected: int = 0) -> None:
        self._blob = bytearray()
        self._slots = _empty(_slots_for(expected))
        self._profiles: tuple[Profile, ...] = ()
        self._count = 0

    @property
    def so_far(self) -> DomainMap:
        """What was added so far; the next addition ends its life."""
        return DomainMap(self._blob, self._slots, self._profiles, self._count)

    def add(self, names: Sequence[Name], profile: Profile) -> list[int]:
        """Add those of `names` that are new; return the indexes of the others.

        Raises ValueError for a name with a zero octet inside, and where there would be more than
        65,536 profiles, or 4 GiB of names: the builder is of no use then.
        """
        if not names:
            return []
        prefix = self._number(profile).to_bytes(2, "big")
        blob, end = self._blob, len(self._blob)
        # All at once is far quicker than one by one; what turns out not to be new is cut out.
        blob += prefix + prefix.join(names)
        if blob.count(0, end) != len(names) * (1 + prefix.count(0)):
            raise ValueError("the name of a domain ends in its first zero octet")
        if len(blob) > MAX_BLOB_OCTETS:
            raise ValueError(f"more than {MAX_BLOB_OCTETS} octets of domains")
        needed = _slots_for(self._count + len(names))
        if needed > len(self._slots):
            self._resize(needed, end)
        known = insert(blob, self._slots, end, list(names))
        self._count += len(names) - len(known)
        return known

    def build(self) -> DomainMap:
        """Return the finished map; nothing may be added any more."""
        needed = _slots_for(self._count)
        if needed * 2 < len(self._slots):
            self._resize(needed, len(self._blob))
        return self.so_far

    def _number(self, profile: Profile) -> int:
        for number, known in enumerate(self._profiles):
            if known is profile:
                return number
        if len(self._profiles) == MAX_PROFILES:
            raise ValueError(f"more than {MAX_PROFILES} profiles have domains")
        self._profiles = (*self._profiles, profile)
        return len(self._profiles) - 1

    def _resize(self, count: int, end: int) -> None:
        """Spread the records before `end` over so many slots."""
        slots, mask = _empty(count), count - 1
        offset = 1
        for name in names_before(self._blob, end):
            hashed = hash(name)
            place = hashed & mask
            while slots[place]:
                place = (place + 1) & mask
            slots[place] = hashed & TAG | offset
            offset += 2 + len(name)
        self._slots = slots


def _slots_for(count: int) -> int:
    return max(_FEWEST_SLOTS, 1 << (count * 3 // 2).bit_length())


def _empty(count: int) -> Slots:
    # Block by block: to touch so much memory at once would hold up other threads for long.
    slots = array("Q")
    block = bytes(8 * min(count, _BLOCK_SLOTS))
    for _ in range(0, count, _BLOCK_SLOTS):
        slots.frombytes(block)
    return slots


def _walk(one: DomainMap, other: DomainMap) -> Iterator[Name]:
    """Yield the domains of `one` that `other` has not, or has with a profile of another name."""
    names = [profile.name for profile in other.profiles]
    numbers = [
        names.index(profile.name) if profile.name in names else -1 for profile in one.profiles
    ]
    start = 0
    while start < len(one.blob):
        found, start = strangers(one.blob, other.blob, other.slots, numbers, start)
        yield from found
