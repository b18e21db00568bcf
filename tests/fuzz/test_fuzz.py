"""A bounded run of the fuzzer, the same inputs every time; `make fuzz` runs it for longer."""

from collections.abc import Iterator

import pytest

from fuzz.inputs import mutated, packets, streams
from fuzz.targets import PacketTarget, StreamTarget, golden_snapshot
from rrdns.model import Snapshot

PACKETS, STREAMS = 45_000, 4_500


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return golden_snapshot()


@pytest.fixture
def stream_target(snapshot: Snapshot) -> Iterator[StreamTarget]:
    made = StreamTarget(snapshot)
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(3))
def test_packets(snapshot: Snapshot, seed: int) -> None:
    target = PacketTarget(snapshot)
    for data in mutated(packets(), PACKETS // 3, seed):
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"found by {data.hex()}") from error
    # Mutations that were all rubbish would show nothing.
    assert target.hits > PACKETS // 30
    assert target.misses > PACKETS // 30


@pytest.mark.parametrize("seed", range(3))
def test_streams(stream_target: StreamTarget, seed: int) -> None:
    for data in mutated(streams(packets()), STREAMS // 3, seed):
        try:
            stream_target(data)
        except Exception as error:
            raise AssertionError(f"found by {data.hex()}") from error


def test_the_same_seed_gives_the_same_inputs() -> None:
    seeds = packets()
    assert list(mutated(seeds, 50, 1)) == list(mutated(seeds, 50, 1))
    assert list(mutated(seeds, 50, 1)) != list(mutated(seeds, 50, 2))
