"""A stage for the scheduler: virtual time and made-up peers."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from rrdns.health.scheduler import Scheduler
from rrdns.targets import Health, ProbeResult, ProbeSettings, Reason, Target

SETTINGS = ProbeSettings()
ADDRESS = "192.0.2.1"


class VirtualSelector(selectors.DefaultSelector):
    """Waits for nothing: the time to wait passes at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing would ever wake this loop"
        self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, in seconds from 0."""

    def __init__(self) -> None:
        self.virtual = VirtualSelector()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now


def now() -> float:
    return asyncio.get_running_loop().time()


def stall(seconds: float) -> None:
    """Keep the loop busy for so long."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.virtual.now += seconds


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main)


@dataclass
class Peers:
    """What is at each address.

    ``ok``, ``refused``, ``silent``, ``local``, ``broken``, ``cancelled``, ``hung`` or ``late``;
    `answer`, where it is set, says what every probe ends with.
    """

    modes: dict[str, str] = field(default_factory=dict)
    answer: Callable[[Target], Awaitable[ProbeResult]] | None = None
    starts: list[tuple[float, str]] = field(default_factory=list)
    helos: set[str | None] = field(default_factory=set)
    under_way: int = 0
    most_under_way: int = 0
    closing_seconds: float = 0.0

    async def probe(
        self, target: Target, *, helo: str | None, on_verdict: Callable[[ProbeResult], None]
    ) -> ProbeResult:
        self.starts.append((now(), target.address))
        self.helos.add(helo)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            result = await self._result(target)
            on_verdict(result)
            await asyncio.sleep(0.01)
            return replace(result, seconds={**result.seconds, "quit": 0.01})
        except asyncio.CancelledError:
            await asyncio.sleep(self.closing_seconds)
            raise
        finally:
            self.under_way -= 1

    async def _result(self, target: Target) -> ProbeResult:
        if self.answer is not None:
            return await self.answer(target)
        mode = self.modes.get(target.address, "ok")
        if mode == "broken":
            raise RuntimeError("a bug")
        if mode == "cancelled":
            raise asyncio.CancelledError
        if mode == "hung":
            await asyncio.Event().wait()
        if mode == "silent":
            await asyncio.sleep(target.settings.connect_timeout_seconds)
            return ProbeResult(Reason.TIMEOUT, "connect")
        await asyncio.sleep(0.02)
        if mode == "late":
            stall(0.5)
            await asyncio.sleep(0.001)
            return ProbeResult(Reason.TIMEOUT, "connect")
        if mode == "refused":
            return ProbeResult(Reason.UNREACHABLE, "connect")
        if mode == "local":
            return ProbeResult(Reason.LOCAL, "connect")
        return ProbeResult(Reason.OK, None, 250, 'mx "ready"', {"connect": 0.02})

    def starts_of(self, address: str) -> list[float]:
        return [at for at, of in self.starts if of == address]


class Stage:
    """A scheduler over made-up peers, with the times at which it told of a change."""

    def __init__(self, *targets: Target, reload: bool = False, concurrency: int = 500) -> None:
        self.peers = Peers()
        self.changes: list[float] = []
        self.scheduler = Scheduler(
            concurrency=concurrency,
            on_change=lambda: self.changes.append(now()),
            prober=self.peers.probe,
            clock=asyncio.get_running_loop().time,
        )
        self.set(targets or (target(),), reload=reload)

    async def __aenter__(self) -> "Stage":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.scheduler.close()
        assert self.peers.under_way == 0

    def set(self, targets: Iterable[Target], reload: bool = False) -> None:
        self.scheduler.set_targets(targets, added_by_reload=reload)

    def health(self, address: str = ADDRESS) -> Health:
        [found] = [
            value for key, value in self.scheduler.healths().items() if key.address == address
        ]
        return found

    async def until(self, health: Health, limit: float = 100.0, address: str = ADDRESS) -> float:
        """Wait until a target has this health; return the seconds that took."""
        started = now()
        while self.health(address) is not health:
            assert now() < started + limit, f"not {health} after {limit} s"
            await asyncio.sleep(0.01)
        return now() - started

    @property
    def _down(self) -> int:
        return list(self.scheduler.healths().values()).count(Health.DOWN)

    async def until_down(self, count: int) -> float:
        """Wait until so many targets are down; return the time."""
        while self._down < count:  # noqa: ASYNC110  (virtual time)
            await asyncio.sleep(0.01)
        return now()


def target(address: str = ADDRESS, settings: ProbeSettings = SETTINGS) -> Target:
    return Target(address, settings)
