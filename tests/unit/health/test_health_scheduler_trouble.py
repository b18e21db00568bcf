"""The scheduler in trouble, what it logs, and what it says of itself."""

import asyncio
import logging
import math
import re
import socket
import time
from dataclasses import replace

import pytest
from support.scheduler_stage import ADDRESS, SETTINGS, Stage, now, run, target

from rrdns.health.probe import probe
from rrdns.health.scheduler import Scheduler
from rrdns.health.state import lapse_seconds
from rrdns.targets import (
    Check,
    Health,
    ProbeResult,
    ProbeSettings,
    Reason,
    Target,
    TargetKey,
    Verdict,
)


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
            assert not stage.scheduler.stuck
            # States, answers and pages see it in the same moment.
            await stage.until(Health.UNKNOWN, 1.1)
            assert stage.scheduler.states[target().key].verdict is Verdict.UNKNOWN
            assert list(stage.scheduler.stuck) == [target().key]
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
            stage.scheduler.set_targets(
                [target()], added_by_reload=True, used_by={target().key: "server1/primary"}
            )
            await asyncio.sleep(10)
            stage.peers.modes[ADDRESS] = "refused"
            await stage.until(Health.DOWN)
            stage.peers.modes[ADDRESS] = "local"
            await stage.until(Health.UNKNOWN)

    caplog.set_level(logging.INFO, "rrdns.health")
    run(main())
    place = f"address={ADDRESS} port=25 check=ehlo"
    used = f"{place} used_by=server1/primary"
    said = [re.sub(r"_seconds=\d+\.\d+", "_seconds=N", r.message) for r in caplog.records]
    assert list(zip([r.levelname for r in caplog.records], said, strict=True)) == [
        (
            "INFO",
            f"event=target_state {place} state=up was=unknown was_seconds=N"
            ' result=ok code=250 text="mx \\"ready\\""',
        ),
        (
            "WARNING",
            f"event=target_state {used} state=down was=up was_seconds=N"
            " result=unreachable phase=connect",
        ),
        ("WARNING", f"event=probe_local result=local phase=connect probes=1 {used}"),
        (
            "WARNING",
            f"event=target_state {used} state=unknown was=down was_seconds=N unrenewed_seconds=N"
            " result=local phase=connect",
        ),
    ]
    # The first verdict came 20 ms after the start.
    assert "was_seconds=0.020 " in caplog.records[0].message


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
