"""What /healthz says of the checks, and what becomes of a change that cannot be published."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.service_stage import REFUSES, Run, Stage, staged_in

from rrdns import service as service_module
from rrdns.health import watched
from rrdns.health.probe import _Probe
from rrdns.settings import Endpoint
from rrdns.table import compiler
from rrdns.targets import ProbeResult


@pytest.fixture
def staged(tmp_path: Path) -> Run:
    """Run a test's body on a stage."""
    return staged_in(tmp_path)


async def healthz(stage: Stage) -> tuple[int, str]:
    """Ask over HTTP."""
    port = int(stage.line.partition("http=127.0.0.1:")[2].split()[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), body


class Bug:
    """Breaks the probes of one address, in a way of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        self.way = ""
        really = _Probe.run

        async def run(probe: Any) -> ProbeResult:
            if probe._target.address == address and self.way:
                if self.way == "hangs":
                    await asyncio.Event().wait()
                if self.way == "is cancelled":
                    raise asyncio.CancelledError
                raise RuntimeError("a bug")
            return await really(probe)

        monkeypatch.setattr(_Probe, "run", run)


@pytest.mark.parametrize("way", ["hangs", "is cancelled", "raises"])
def test_checks_that_tell_nothing_are_unhealthy_and_dead_nodes_are_not(
    staged: Run, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(watched, "_HUNG_SECONDS", 0.5)
    bug = Bug(monkeypatch, "127.0.4.1")

    async def body(stage: Stage) -> None:
        for address in ("127.0.4.1", "127.0.4.2", "127.0.4.3"):
            await stage.peers.add(address)
        # A verdict holds for 1.35 s.
        stage.write("127.0.4.1", "127.0.4.2", "127.0.4.3", timeout="300ms")
        async with stage.running(http=Endpoint("127.0.0.1", 0), executor="python"):
            stage.peers.handlers["127.0.4.2"] = REFUSES

            async def answers_without_the_dead() -> bool:
                return "127.0.4.2" not in await stage.addresses()

            await stage.until(answers_without_the_dead, "the dead node leaves")
            assert await healthz(stage) == (200, "ok\n")
            assert not stage.service.view().troubles
            bug.way = way

            async def is_unhealthy() -> bool:
                return (await healthz(stage))[0] == 503

            await stage.until(is_unhealthy, "a checker that tells nothing is seen")
            port = stage.peers.port
            trouble = f"the checks of 127.0.4.1 port {port} give no results any more\n"
            assert await healthz(stage) == (503, trouble)
            # The verdict has lapsed, and the others are checked as ever.
            assert await stage.addresses() == {"127.0.4.1", "127.0.4.3"}
            bug.way = ""

            async def is_healthy() -> bool:
                return await healthz(stage) == (200, "ok\n")

            await stage.until(is_healthy, "checks go on")

    staged(body)


def test_a_scheduler_that_stopped_is_unhealthy(
    staged: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(stage: Stage) -> None:
        await stage.peers.add("127.0.4.1")
        stage.write("127.0.4.1")
        async with stage.running(http=Endpoint("127.0.0.1", 0), executor="python") as service:
            scheduler = service._scheduler
            assert scheduler._timer is not None
            scheduler._timer.cancel()
            monkeypatch.setattr("rrdns.health.scheduler._STOPPED_SECONDS", 0.2)

            async def is_unhealthy() -> bool:
                return await healthz(stage) == (
                    503,
                    "the timer that looks after the checks has stopped\n",
                )

            await stage.until(is_unhealthy, "the timer is missed")

    staged(body)


def test_a_change_that_cannot_be_published_is_tried_again(
    staged: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service_module, "_RETRY_SECONDS", 0.05)
    tries = 0
    really = compiler.compile_table

    async def body(stage: Stage) -> None:
        for address in ("127.0.4.1", "127.0.4.2"):
            await stage.peers.add(address)
        stage.write("127.0.4.1", "127.0.4.2")

        def compile_table(*words: Any) -> Any:
            nonlocal tries
            tries += 1
            if tries <= 20:
                raise RuntimeError("a bug")
            return really(*words)

        async with stage.running(http=Endpoint("127.0.0.1", 0), executor="python") as service:
            monkeypatch.setattr(service_module, "compile_table", compile_table)
            stage.peers.handlers["127.0.4.2"] = REFUSES
            await stage.until_true(lambda: tries > 2, "a publish fails")
            # The last table goes on answering, and probing goes on.
            assert await stage.addresses() == {"127.0.4.1", "127.0.4.2"}
            told = "a change could not be published: see the log\n"
            assert await healthz(stage) == (503, told)
            await stage.until_true(lambda: not service.view().troubles, "it is published")
            assert await stage.addresses() == {"127.0.4.1"}

    staged(body)
    assert "event=publish_failed" in caplog.text
    assert "event=probe_error" not in caplog.text
