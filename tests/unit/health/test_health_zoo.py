"""The zoo: every peer gets the verdict, reason, phase, code and text that it must get."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.smtp_peers import outcome, peer
from support.smtp_tls import NAME, trusted
from support.smtp_zoo import PLAIN_ANIMALS, Animal
from support.smtp_zoo_tls import TLS_ANIMALS

from rrdns.health.probe import probe
from rrdns.targets import ProbeResult, Target

ANIMALS = PLAIN_ANIMALS + TLS_ANIMALS


async def visit(animal: Animal) -> ProbeResult:
    async with peer(animal.handler) as port:
        target = Target("127.0.0.1", replace(animal.settings, port=port), NAME)
        return await probe(target, helo="probe.test")


async def visit_all() -> dict[str, ProbeResult]:
    results = await asyncio.gather(*(visit(animal) for animal in ANIMALS))
    return {animal.name: result for animal, result in zip(ANIMALS, results, strict=True)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ProbeResult]]:
    """Visit all at once, because some take their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", trusted(tmp_path_factory.mktemp("trust")))
        yield asyncio.run(visit_all())


@pytest.mark.parametrize("animal", ANIMALS, ids=lambda animal: animal.name)
def test_an_animal(animal: Animal, results: dict[str, ProbeResult]) -> None:
    assert outcome(results[animal.name]) == animal.expected


def test_no_two_have_the_same_name() -> None:
    assert len({animal.name for animal in ANIMALS}) == len(ANIMALS)
