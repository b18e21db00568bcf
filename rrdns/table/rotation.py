"""Rotation policies: a host's selected addresses to the orders that an executor steps through."""

from collections.abc import Sequence

MAX_VARIANTS = 256


def round_robin(
    addresses: Sequence[bytes], *, start: int, max_answers: int
) -> tuple[tuple[bytes, ...], ...]:
    """Return the list turned by one at each step, each order cut to `max_answers` addresses.

    Every address leads once in a round, and with a cut list has the same number of places in it.
    The first order begins with address number `start` (modulo their number), so that hosts over
    the same nodes can start from different ones. With more than 256 addresses a step turns the
    list by so many that 256 orders go round.
    """
    count = len(addresses)
    step = -(-count // MAX_VARIANTS) or 1
    turned = (
        [*addresses[lead:], *addresses[:lead]]
        for lead in ((start + turn) % count for turn in range(0, count, step))
    )
    return tuple(tuple(order[:max_answers]) for order in turned)
