import asyncio
import logging
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.ports import free_port
from support.service_stage import Run, Stage, staged_in
from support.smtp_peers import silent
from support.tables import rcode

from rrdns import service as service_module
from rrdns.loading import Loaded, load
from rrdns.names import from_text
from rrdns.service import Service


@pytest.fixture
def staged(tmp_path: Path) -> Run:
    """Run a test's body on a stage."""
    return staged_in(tmp_path)


# --- reloading --------------------------------------------------------------------------------


def test_a_good_reload_changes_the_answers(staged: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running() as service:
            before = service.view()
            assert rcode(await stage.ask("new.test.", "MX")) == 5
            stage.write("127.0.4.1", "127.0.4.2", check="none", domains="customer.test, new.test")
            done = await service.reload()
            assert not done.errors
            # The file's port is not the one that the test listens on.
            assert list(done.changes) == [
                "nodes: added server2",
                "hosts: changed mx1.example.com.",
                "domains: 1 added (new.test)",
                "server: listen changed, which counts from the next start",
            ]
            after = service.view()
            assert rcode(await stage.ask("new.test.", "MX")) == 0
            assert await stage.addresses() == {"127.0.4.1", "127.0.4.2"}
            assert after.config.sha256 != before.config.sha256
            assert after.generation > before.generation
            assert after.reload.last_successful
            assert after.reload.loaded_at >= before.reload.loaded_at
            assert stage.told.states == ["READY=1", "RELOADING=1", "READY=1"]

    with caplog.at_level(logging.INFO):
        staged(body)
    assert "event=changed server: listen changed, which counts from the next start" in caplog.text


def test_a_bad_reload_changes_nothing(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running() as service:
            before = service.view()
            stage.path.write_text(stage.path.read_text() + "colour: red\nshape: round\n")
            errors = (await service.reload()).errors
            assert len(errors) == 2
            assert all(str(stage.path) in line for line in errors)
            after = service.view()
            assert after.snapshot is before.snapshot
            assert after.generation == before.generation
            assert not after.reload.last_successful
            assert after.reload.last_error == "\n".join(errors)
            assert after.reload.last_success_at == before.reload.last_success_at
            assert after.reload.loaded_at == before.reload.loaded_at
            stage.path.unlink()
            assert "cannot read the configuration" in (await service.reload()).errors[0]
            stage.write("127.0.4.1", check="none")
            assert not (await service.reload()).errors
            assert service.view().reload.last_error is None
            assert rcode(await stage.ask()) == 0

    staged(body)


def test_a_fault_of_a_reload_is_told_and_changes_nothing(
    staged: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_path: str) -> Loaded:
        raise RuntimeError("a fault of ours")

    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running() as service:
            monkeypatch.setattr(service_module, "load", broken)
            os.kill(os.getpid(), signal.SIGHUP)
            await stage.until_true(
                lambda: not service.view().reload.last_successful, "the reload to be refused"
            )
            assert "a fault of ours" in str(service.view().reload.last_error)
            assert rcode(await stage.ask()) == 0

    staged(body)
    assert "please report it" in caplog.text


def test_sighup_reloads(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running() as service:
            generation = service.view().generation
            os.kill(os.getpid(), signal.SIGHUP)
            await stage.until_true(lambda: service.view().generation > generation, "the reload")
            await stage.until_true(lambda: not service._reloads.requested, "the end of the reload")

    staged(body)


def test_a_node_that_a_reload_adds_waits_for_its_verdict(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        await stage.peers.add("127.0.4.1")
        await stage.peers.add("127.0.4.2", silent)
        stage.write("127.0.4.1")
        async with stage.running() as service:
            stage.write("127.0.4.1", "127.0.4.2", timeout="31s")
            assert not (await service.reload()).errors
            assert len(service.view().states) == 2
            assert await stage.addresses() == {"127.0.4.1"}

    staged(body)


def test_a_node_that_a_reload_adds_comes_in_with_its_verdict(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        await stage.peers.add("127.0.4.1")
        await stage.peers.add("127.0.4.2")
        stage.write("127.0.4.1")
        async with stage.running() as service:
            stage.write("127.0.4.1", "127.0.4.2")
            assert not (await service.reload()).errors

            async def both_are_there() -> bool:
                return await stage.addresses() == {"127.0.4.1", "127.0.4.2"}

            await stage.until(both_are_there, "the new node")

    staged(body)


def test_generations_never_go_back(staged: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running() as service:
            prepare = service._prepare

            def slowly() -> object:
                prepared = prepare()
                # Verdicts come in while the reload compiles.
                for _ in range(3):
                    loop.call_soon_threadsafe(service._publish, service._table)
                return prepared

            loop = asyncio.get_running_loop()
            monkeypatch.setattr(service, "_prepare", slowly)
            before = service.view().generation
            assert not (await service.reload()).errors
            assert service.view().generation == before + 4
            assert from_text("customer.test.") in service.view().snapshot.domains

    staged(body)


def test_a_reload_without_change_warns_of_nothing(
    staged: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        stage.path.write_text(stage.path.read_text().replace("5399", str(free_port())))
        loaded = load(stage.path)
        async with AsyncExitStack() as stack:
            service = Service(Loaded(loaded.config, ()), None)
            await service.start(stack)
            generation = service.view().generation
            with caplog.at_level(logging.WARNING):
                assert not (await service.reload()).errors
            assert service.view().generation == generation + 1
        assert [record.getMessage() for record in caplog.records] == [
            str(problem) for problem in loaded.problems
        ]

    staged(body)


# --- a first configuration with bad lines -----------------------------------------------------


def test_a_cold_start_with_bad_lines_says_so(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        text = stage.path.read_text()
        text = text.replace("names: [customer.test]", "file: domains.txt")
        stage.path.write_text(text)
        (stage.path.parent / "domains.txt").write_text("customer.test\nnot..good.test\n")
        loaded = load(stage.path, tolerant=True)
        service = Service(loaded, None)
        assert not service.view().reload.last_successful
        assert "domains.txt:2" in str(service.view().reload.last_error)
        assert not service.view().ready

    staged(body)
