"""Makes nodes fail and return, and sees when the answers know of it."""

import asyncio
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.failover.events import Kind, Victim
from bench.messages import message

_LOOK_SECONDS = 0.05
_LOST_SECONDS = 0.5
# So that failures do not keep step with the checks.
_APART_SECONDS = (1.0, 4.0)
_READY_SECONDS = 60.0


@dataclass(slots=True)
class Seen:
    """How long it took, in seconds and time after time, until the answers changed.

    None stands for longer than the patience was.
    """

    out: list[float | None] = field(default_factory=list)
    back: list[float | None] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to wait for a change, how often a node fails at most, and until when it may.

    `settling_seconds` go by before the first failure.
    """

    patience: float
    repeats: int
    settling_seconds: float
    last_begin: float

    def may_go_on(self) -> bool:
        """Tell whether a failure may still begin (`last_begin` is monotonic time)."""
        return time.monotonic() < self.last_begin


class Asker:
    """Asks a server for one host again and again, and knows whether an address is answered."""

    def __init__(self, port: int, kind: Kind, address: str) -> None:
        self.name = f"{kind.value}.example.com, port {port}"
        self._query = message(1, f"{kind.value}.example.com", "A")
        self._address = socket.inet_aton(address)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(("127.0.0.1", port))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def answers(self) -> bool | None:
        """Ask once: is the address in the answer? None: no answer with any address came."""
        receiving = asyncio.get_running_loop().sock_recv(self._socket, 4096)
        try:
            self._socket.send(self._query)
            reply = await asyncio.wait_for(receiving, _LOST_SECONDS)
        except (OSError, TimeoutError):
            receiving.close()
            return None
        return self._address in reply if reply[6:8] != b"\0\0" else None

    async def took(
        self, event: Callable[[], None], *, answered: bool, patience: float
    ) -> float | None:
        """Let something happen, and ask until the address is answered, or is not.

        Returns the seconds since the event began; None for more than `patience`.
        """
        began = time.monotonic()
        await asyncio.to_thread(event)
        while time.monotonic() < began + patience:
            if await self.answers() is answered:
                return time.monotonic() - began
            await asyncio.sleep(_LOOK_SECONDS)
        return None


async def watch(asker: Asker, victim: Victim, plan: Plan, seed: int) -> Seen:
    """Let one node fail and return, again and again as far as the plan lets.

    The first time is always done. Raises RuntimeError where the server does not come to answer
    with the node.
    """
    seen = Seen()
    source = random.Random(seed)
    for number in range(plan.repeats):
        if number and not plan.may_go_on():
            break
        await _settled(asker, plan.settling_seconds if number == 0 else 0.0, source)
        seen.out.append(await asker.took(victim.fail, answered=False, patience=plan.patience))
        back = await asker.took(victim.recover, answered=True, patience=plan.patience)
        if seen.out[-1] is None:
            # Whoever does not see a failure does not see its end either.
            break
        seen.back.append(back)
        if back is None:
            break
    return seen


async def _settled(asker: Asker, seconds: float, source: random.Random) -> None:
    """Wait until the node is answered and stays so: first checks may take it out for a moment."""
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        await asker.took(lambda: None, answered=True, patience=_READY_SECONDS)
        await asyncio.sleep(seconds + source.uniform(*_APART_SECONDS))
        if await asker.answers():
            return
    raise RuntimeError(f"{asker.name} is not answered with all of its nodes")
