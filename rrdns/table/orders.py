"""The orders of an answer's addresses: the responder is asked for a few, the rest is made of them.

An answer with a host's addresses is a record for each, and the records differ in the address that
they end in. Where samples show that, any other order is the same octets moved about; where they do
not, the responder is asked for every order.
"""

from collections.abc import Callable, Mapping, Sequence

Variant = tuple[bytes, ...]


def bodies_of(
    variants: Sequence[Variant], say: Callable[[int], bytes], samples: int
) -> tuple[bytes, ...]:
    """Return the octets of each variant's records; equal variants have the same object.

    `say` returns what the responder says at a step; `samples` is how many steps are asked for.
    """
    steps = {variant: step for step, variant in enumerate(variants)}
    asked: dict[Variant, bytes] = {}
    if len(steps) > samples:
        count = len(variants)
        for step in ((2 * sample + 1) * count // (2 * samples) for sample in range(samples)):
            asked[variants[step]] = say(step)
        start = _start_of_each(asked)
        if start is not None and len(set(map(len, steps))) == 1:
            made = {variant: start + start.join(variant) for variant in steps}
            return tuple(map(made.__getitem__, variants))
    made = {variant: asked.get(variant) or say(step) for variant, step in steps.items()}
    return tuple(map(made.__getitem__, variants))


def _start_of_each(asked: Mapping[Variant, bytes]) -> bytes | None:
    """Return what stands before the address in every record of these bodies, if it is the same."""
    variant, body = next(iter(asked.items()))
    start = body[: len(body) // len(variant) - len(variant[0])]
    alike = all(body == start + start.join(variant) for variant, body in asked.items())
    return start if alike else None
