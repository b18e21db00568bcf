"""Names of filtered domains as customers have them: of many lengths, below a few top levels."""

import random
from collections.abc import Sequence

_SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvwz" for vowel in "aeiou"]
_TOPS = ("com", "net", "org", "de", "fr", "nl", "co.uk", "com.br")


def domain_names(count: int, seed: int = 1) -> list[str]:
    """Return so many different names, the same in every run; about 17 octets each."""
    source = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        parts = source.choices(_SYLLABLES, k=source.randint(3, 6))
        label = "".join(parts)
        if source.random() < 0.3:
            label += f"-{source.randrange(1000)}"
        found[f"{label}.{source.choice(_TOPS)}"] = None
    return list(found)


def wire_octets(names: Sequence[str]) -> int:
    """Return the octets of all these names in wire format: each label's length, and a zero."""
    return sum(len(name) + 2 for name in names)


def questions(names: Sequence[str], count: int, seed: int = 2) -> list[tuple[str, str]]:
    """Return so many MX queries for names that are picked at random, the same in every run."""
    source = random.Random(seed)
    return [(name, "MX") for name in source.choices(names, k=count)]


def typical(names: Sequence[str]) -> str:
    """Return the name of median length: a query for it is as long as most."""
    return sorted(names, key=lambda name: (len(name), name))[len(names) // 2]
