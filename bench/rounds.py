"""Rounds in pairs: each server's next round comes soon after the others', in changing order.

What changes on the machine meanwhile meets both of a pair, and the order favours nobody.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bench.load import Answered
from bench.running import Round, Running

T = TypeVar("T")


def in_turn(things: Sequence[T], rounds: int) -> Iterator[T]:
    """Yield each thing once a round, forwards and backwards by turns."""
    for number in range(rounds):
        yield from things if number % 2 == 0 else reversed(things)


def measured(
    servers: Sequence[Running],
    drive: Callable[[int], Answered],
    rounds: int,
    warm_up: Callable[[int], Answered] | None = None,
) -> dict[str, list[Round]]:
    """Load each server in turn; the rounds of all, by their names.

    `warm_up` is a load that each server gets before, which does not count. Raises RuntimeError
    where figures cannot be right.
    """
    if warm_up is not None:
        for server in servers:
            warm_up(server.port)
    found: dict[str, list[Round]] = {server.name: [] for server in servers}
    for server in in_turn(servers, rounds):
        found[server.name].append(server.measure(drive))
    return found
