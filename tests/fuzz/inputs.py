"""Seeds and their mutations; an input is one octet that says how it is asked, and the octets."""

import random
import struct
from collections.abc import Iterator, Sequence

from golden.cases import CASES

NOW = 1_700_000_040
MAX_OCTETS = 2048
_POINTER = 0xC0
_NUMBERS = (0, 1, 2, 41, 63, 64, 127, 128, 255, 256, 512, 0x3FFF, 0x7FFF, 0x8000, 0xC00C, 0xFFFF)


def packets() -> list[bytes]:
    """Return the golden cases' packets: everything that an answer is known for."""
    return list(dict.fromkeys(case.sent(NOW) for case in CASES))


def streams(found: Sequence[bytes]) -> list[bytes]:
    """Return what a TCP client sends: some packets in a row, each with its length before it."""
    framed = [struct.pack("!H", len(packet)) + packet for packet in found]
    return [b"".join(framed[start : start + 5]) for start in range(0, len(framed), 5)]


def mutated(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Yield so many inputs, each a seed with a few changes; the same ones for the same `seed`."""
    dice = random.Random(seed)
    for _ in range(count):
        changed = bytearray(dice.choice(seeds))
        # Mostly few changes: what is broken everywhere ends at the first check.
        for _ in range(dice.choice((0, 1, 1, 1, 2, 4, 8))):
            _change(changed, seeds, dice)
        yield bytes([dice.randrange(256)]) + bytes(changed[:MAX_OCTETS])


def _change(data: bytearray, seeds: Sequence[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(data) + 1)
    end = min(len(data), at + dice.choice((1, 2, 4, 12, 40)))
    match dice.randrange(9):
        case 0:
            data[at:end] = bytes(dice.randrange(256) for _ in range(end - at))
        case 1:
            flipped = 1 << dice.randrange(8) ^ (data[at] if at < len(data) else 0)
            data[at : at + 1] = bytes([flipped])
        case 2:
            data[at : at + 2] = struct.pack("!H", dice.choice(_NUMBERS))
        case 3:
            del data[at:end]
        case 4:
            del data[at:]
        case 5:
            data[at:at] = data[at:end]
        case 6:
            data[at : at + 2] = bytes([_POINTER | dice.randrange(2), dice.randrange(256)])
        case 7:
            # Counts and flags decide most.
            place = dice.choice((2, 3, 4, 5, 7, 9, 11))
            data[place : place + 1] = bytes([dice.randrange(4)])
        case _:
            other = dice.choice(seeds)
            data[at:] = other[dice.randrange(len(other) + 1) :]
