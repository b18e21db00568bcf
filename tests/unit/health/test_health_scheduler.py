"""The scheduler in virtual time: a loop whose clock jumps to the next timer, and made-up peers."""

import asyncio
import itertools
import logging
import math
import selectors
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from rrdns.health.probe import probe
from rrdns.health.scheduler import Scheduler
from rrdns.health.state import lapse_seconds
from rrdns.model import (
    Check,
    Health,
    ProbeResult,
    ProbeSettings,
    Reason,
    Target,
    TargetKey,
    Verdict,
)

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
    """What is at each address: ``ok``, ``refused``, ``silent``, ``local``, ``broken``, ``late``."""

    modes: dict[str, str] = field(default_factory=dict)
    starts: list[tuple[float, str]] = field(default_factory=list)
    helos: set[str | None] = field(default_factory=set)
    under_way: int = 0
    most_under_way: int = 0

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
        finally:
            self.under_way -= 1

    async def _result(self, target: Target) -> ProbeResult:
        mode = self.modes.get(target.address, "ok")
        if mode == "broken":
            raise RuntimeError("a bug")
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


def target(address: str = ADDRESS, settings: ProbeSettings = SETTINGS) -> Target:
    return Target(address, settings)


MOMENTS = [step * 0.25 for step in range(14)]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("mode", "limit"), [("refused", 4.0), ("silent", 8.0)])
def test_default_settings_are_quick_enough(mode: str, limit: float, moment: float) -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP, 1)
            await asyncio.sleep(20 + moment)
            stage.peers.modes[ADDRESS] = mode
            await stage.until(Health.DOWN, limit)
            await asyncio.sleep(20 + moment)
            stage.peers.modes[ADDRESS] = "ok"
            await stage.until(Health.UP, 6)
            assert len(stage.changes) == 3

    run(main())


def test_the_pace() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await asyncio.sleep(300)
            settled = gaps(stage)
            assert all(2.7 <= gap <= 3.001 for gap in settled)
            assert max(settled) - min(settled) > 0.1
            stage.peers.modes[ADDRESS] = "silent"
            await stage.until(Health.DOWN)
            stage.peers.starts.clear()
            await asyncio.sleep(300)
            # A probe that takes 2 s, every 3 s.
            assert all(2.7 <= gap <= 3.001 for gap in gaps(stage))
            stage.peers.modes[ADDRESS] = "ok"
            await asyncio.sleep(3)
            stage.peers.starts.clear()
            await stage.until(Health.UP)
            assert all(0.45 <= gap <= 0.501 for gap in gaps(stage))
            assert stage.peers.most_under_way == 1

    run(main())


def gaps(stage: Stage) -> list[float]:
    starts = stage.peers.starts_of(ADDRESS)
    return [after - before for before, after in itertools.pairwise(starts)]


def test_a_slow_probe_never_overlaps() -> None:
    async def main() -> None:
        async with Stage(target(settings=replace(SETTINGS, connect_timeout_seconds=7))) as stage:
            stage.peers.modes[ADDRESS] = "silent"
            await asyncio.sleep(100)
            assert stage.peers.most_under_way == 1
            assert all(gap == pytest.approx(7.01, abs=0.001) for gap in gaps(stage))

    run(main())


def test_concurrency_is_bounded_and_starts_are_spread() -> None:
    async def main() -> None:
        many = [target(f"192.0.2.{number}") for number in range(1, 201)]
        async with Stage(*many, concurrency=10) as stage:
            await stage.scheduler.first_round()
            assert stage.peers.most_under_way <= 10
            assert set(stage.scheduler.healths().values()) == {Health.UP}
            assert now() < 5
        async with Stage(*many) as stage:
            await stage.scheduler.first_round()
            starts = [at for at, _ in stage.peers.starts]
            assert 0.3 < max(starts) - min(starts) < 1.0
            assert stage.peers.most_under_way > 10
            stage.scheduler.set_concurrency(5)
            await asyncio.sleep(2)
            stage.peers.most_under_way = 0
            await asyncio.sleep(10)
            assert 0 < stage.peers.most_under_way <= 5

    run(main())


@pytest.mark.parametrize(
    ("mode", "seconds", "health"),
    [
        ("ok", 0.02, Health.UP),
        ("refused", 0.54, Health.DOWN),
        ("silent", 4.01, Health.DOWN),
        ("local", 5.0, Health.UNKNOWN),
        ("broken", 5.0, Health.UNKNOWN),
    ],
)
def test_the_first_round(mode: str, seconds: float, health: Health) -> None:
    async def main() -> None:
        async with Stage(target(), target("192.0.2.2")) as stage:
            stage.peers.modes[ADDRESS] = mode
            await stage.scheduler.first_round()
            assert now() == pytest.approx(seconds, abs=0.06)
            assert (stage.health(), stage.health("192.0.2.2")) == (health, Health.UP)

    run(main())


def test_the_first_round_without_targets_is_over() -> None:
    async def main() -> None:
        async with Stage(target(settings=replace(SETTINGS, check=Check.NONE))) as stage:
            await stage.scheduler.first_round()
            stage.set([])
            await stage.scheduler.first_round()
            assert now() == 0

    run(main())


def test_the_first_round_ends_when_its_target_is_taken_away() -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.peers.modes[ADDRESS] = "local"
            waiting = asyncio.create_task(stage.scheduler.first_round(50))
            await asyncio.sleep(1)
            stage.set([])
            await waiting
            assert now() == 1

    run(main())


def test_an_unprobed_target_is_up_and_stays_up() -> None:
    async def main() -> None:
        async with Stage(
            target(settings=replace(SETTINGS, check=Check.NONE)), reload=True
        ) as stage:
            assert stage.health() is Health.UP
            await asyncio.sleep(1000)
            assert stage.health() is Health.UP
            assert (stage.peers.starts, stage.changes) == ([], [])

    run(main())


def test_targets_that_a_reload_added_are_pending() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP)
            stage.peers.modes["192.0.2.2"] = "refused"
            stage.set([target(), target("192.0.2.2")], reload=True)
            assert (stage.health(), stage.health("192.0.2.2")) == (Health.UP, Health.PENDING)
            await stage.until(Health.DOWN, 1, "192.0.2.2")

    run(main())


def test_a_reload_keeps_states_and_takes_new_settings() -> None:
    async def main() -> None:
        gone = target("192.0.2.2")
        async with Stage(target(), gone) as stage:
            stage.peers.modes = {ADDRESS: "refused", gone.address: "refused"}
            await stage.until(Health.DOWN)
            await asyncio.sleep(10)
            before = stage.scheduler.states[target().key]
            assert (gone.key, Reason.UNREACHABLE) in stage.scheduler.failures
            started = len(stage.peers.starts_of(ADDRESS))
            stage.set([target()], reload=True)
            await asyncio.sleep(0)
            assert len(stage.peers.starts_of(ADDRESS)) == started
            quick = target(settings=replace(SETTINGS, interval_seconds=1, rise=1))
            stage.set([quick], reload=True)
            assert stage.scheduler.states == {target().key: before}
            assert {key for key, _ in stage.scheduler.failures} == {target().key}
            await asyncio.sleep(5)
            assert len(stage.peers.starts_of(ADDRESS)) >= started + 5
            assert stage.scheduler.states[target().key].since == before.since
            stage.peers.modes[ADDRESS] = "ok"
            await stage.until(Health.UP, 1.1)
            stage.peers.starts.clear()
            await asyncio.sleep(10)
            assert stage.peers.starts_of(gone.address) == []

    run(main())


def test_a_dead_checker_lets_its_verdict_lapse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Stage() as stage:
            stage.peers.modes[ADDRESS] = "refused"
            await stage.until(Health.DOWN)
            await asyncio.sleep(10)
            never = asyncio.Event()

            async def hang(_: Target) -> ProbeResult:
                await never.wait()
                raise AssertionError

            monkeypatch.setattr(stage.peers, "_result", hang)
            last = stage.scheduler.states[target().key].renewed_at
            assert last is not None
            stage.changes.clear()
            await asyncio.sleep(last + lapse_seconds(SETTINGS) - now() - 0.01)
            assert stage.health() is Health.DOWN
            # States are as of now, whether or not the timer has come round.
            await asyncio.sleep(0.02)
            assert stage.health() is Health.UNKNOWN
            await asyncio.sleep(1.1)
            assert len(stage.changes) == 1
            assert stage.changes[0] - last - lapse_seconds(SETTINGS) < 1.1

    run(main())


def test_local_trouble_ages_to_unknown_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP)
            stage.peers.modes[ADDRESS] = "local"
            await asyncio.sleep(lapse_seconds(SETTINGS) - 3)
            assert stage.health() is Health.UP
            await stage.until(Health.UNKNOWN, 5)
            assert stage.scheduler.states[target().key].last == ProbeResult(
                Reason.LOCAL, "connect", seconds={"quit": 0.01}
            )
            assert stage.scheduler.failures[target().key, Reason.LOCAL] > 5

    run(main())
    assert len([r for r in caplog.records if "event=probe_local" in r.message]) == 1


def test_a_timeout_while_the_loop_was_late_is_void() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP)
            last = stage.scheduler.states[target().key].last
            stage.peers.modes[ADDRESS] = "late"
            await asyncio.sleep(20)
            assert stage.scheduler.voided >= 3
            assert stage.scheduler.failures == {}
            state = stage.scheduler.states[target().key]
            assert (state.verdict, state.failures) == (Verdict.UP, 0)
            assert state.last is not None
            assert last is not None
            assert state.last.reason is last.reason
            # A stall that is over excuses no later timeout.
            stage.peers.modes[ADDRESS] = "silent"
            await stage.until(Health.DOWN, 8)

    run(main())


def test_a_bug_in_a_probe_is_logged_and_probing_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP)
            stage.peers.modes[ADDRESS] = "broken"
            await asyncio.sleep(10)
            stage.peers.modes[ADDRESS] = "refused"
            await stage.until(Health.DOWN, 4)

    run(main())
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert 3 <= len(errors) <= 4
    assert errors[0].message == f"event=probe_error address={ADDRESS} port=25 check=ehlo"
    assert errors[0].exc_info


def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.until(Health.UP)
            await asyncio.sleep(10)
            stage.peers.modes[ADDRESS] = "refused"
            await stage.until(Health.DOWN)
            await asyncio.sleep(10)

    caplog.set_level(logging.INFO, "rrdns.health")
    run(main())
    place = f"address={ADDRESS} port=25 check=ehlo"
    assert [(record.levelname, record.message) for record in caplog.records] == [
        (
            "INFO",
            f"event=target_state {place} state=up was=unknown"
            ' result=ok code=250 text="mx \\"ready\\""',
        ),
        (
            "WARNING",
            f"event=target_state {place} state=down was=up result=unreachable phase=connect",
        ),
    ]


def test_each_probe_is_logged_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Stage():
            await asyncio.sleep(10)

    caplog.set_level(logging.DEBUG, "rrdns.health")
    run(main())
    assert len([r for r in caplog.records if r.message.startswith("event=probe ")]) >= 4


def test_the_last_result_has_the_seconds_of_quit() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await asyncio.sleep(1)
            last = stage.scheduler.states[target().key].last
            assert last is not None
            assert last.seconds == {"connect": 0.02, "quit": 0.01}

    run(main())


@pytest.mark.parametrize(
    ("configured", "host_name", "said"),
    [
        (None, "ns1.example.com", "ns1.example.com"),
        ("own.test", "ns1.example.com", "own.test"),
        (None, "ns1", None),
    ],
)
def test_helo(
    configured: str | None, host_name: str, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with Stage(target(settings=replace(SETTINGS, helo=configured))) as stage:
            await asyncio.sleep(1)
            assert stage.peers.helos == {said}

    monkeypatch.setattr(socket, "gethostname", lambda: host_name)
    monkeypatch.setattr(socket, "getfqdn", lambda: host_name)
    run(main())


def test_a_name_that_only_the_resolver_knows_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Stage() as stage:
            deadline = time.monotonic() + 30
            while "ns1.example.com" not in stage.peers.helos:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.5)

    monkeypatch.setattr(socket, "gethostname", lambda: "ns1")
    monkeypatch.setattr(socket, "getfqdn", lambda: "ns1.example.com")
    run(main())


def test_closing_twice_and_without_targets() -> None:
    async def main() -> None:
        async with Stage() as stage:
            await stage.scheduler.close()
            assert math.isfinite(now())
        scheduler = Scheduler(concurrency=1, on_change=lambda: None)
        await scheduler.close()

    run(main())


def test_real_probes_of_a_peer_that_dies_and_returns() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in (b"220 mx\r\n", b"250 mx\r\n", b"221 bye\r\n"):
            writer.write(line)
            await reader.readline()
        writer.close()

    async def main() -> None:
        changed = asyncio.Event()
        scheduler = Scheduler(concurrency=10, on_change=changed.set, prober=probe)
        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings = ProbeSettings(
            port=port, interval_seconds=0.1, fast_interval_seconds=0.02, banner_timeout_seconds=30
        )
        peer = Target("127.0.0.1", settings)
        key = TargetKey("127.0.0.1", port, Check.EHLO)
        scheduler.set_targets([peer], added_by_reload=False)
        try:
            await scheduler.first_round(30)
            assert scheduler.healths() == {key: Health.UP}
            for health in (Health.DOWN, Health.UP):
                if health is Health.DOWN:
                    server.close()
                    await server.wait_closed()
                else:
                    server = await asyncio.start_server(greet, "127.0.0.1", port)
                async with asyncio.timeout(30):
                    while scheduler.healths()[key] is not health:
                        changed.clear()
                        await changed.wait()
        finally:
            await scheduler.close()
            server.close()
            await server.wait_closed()

    asyncio.run(main())
