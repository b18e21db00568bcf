"""`make fuzz`: look for an input that breaks an invariant, for so many seconds.

With atheris what an input reaches in the code guides what is tried next; where it is not there
(not every platform has it) mutations of the seeds are tried at random.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fuzz.inputs import MAX_OCTETS, mutated, packets, streams

_BATCH = 1000
_PACKET, _STREAM = b"P", b"S"


class Target:
    """Both targets in one: the first octet says which is meant."""

    def __init__(self) -> None:
        # Imported late, so that atheris sees the code that it is to follow.
        from fuzz.targets import PacketTarget, StreamTarget, golden_snapshot

        snapshot = golden_snapshot()
        self._packet, self._stream = PacketTarget(snapshot), StreamTarget(snapshot)

    def __call__(self, data: bytes) -> None:
        """Check one input; raises where an invariant is broken."""
        (self._stream if data[:1] == _STREAM else self._packet)(data[1:])


def _corpus() -> list[bytes]:
    found = packets()
    return [
        *(_PACKET + b"\0" + packet for packet in found),
        *(_STREAM + b"\0" + stream for stream in streams(found) if len(stream) < MAX_OCTETS),
    ]


def _guided(seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["rrdns"]):
        target = Target()
    with tempfile.TemporaryDirectory(prefix="rrdns-fuzz-") as directory:
        for number, data in enumerate(_corpus()):
            (Path(directory) / str(number)).write_bytes(data)
        options = [f"-max_total_time={seconds}", f"-max_len={MAX_OCTETS}", directory]
        atheris.Setup([sys.argv[0], *options], target)
        atheris.Fuzz()


def _unguided(seconds: int) -> None:
    target, seed = Target(), random.SystemRandom().randrange(2**32)
    found = packets()
    end, tried = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for data in _some(found, seed + tried):
            try:
                target(data)
            except Exception:
                sys.stderr.write(f"found by {data.hex()}\n")
                raise
            tried += 1
    sys.stdout.write(f"{tried} inputs, seed {seed}: nothing found\n")


def _some(found: list[bytes], seed: int) -> Iterator[bytes]:
    yield from (_PACKET + data for data in mutated(found, _BATCH, seed))
    yield from (_STREAM + data for data in mutated(streams(found), _BATCH // 10, seed))


def main() -> None:
    """Run for the seconds that the command line says."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    try:
        import atheris  # noqa: F401
    except ImportError:
        sys.stdout.write("atheris is not installed: trying mutations at random\n")
        _unguided(seconds)
    else:
        _guided(seconds)


if __name__ == "__main__":
    main()
