"""Overrides in a service: answers follow them at once, through reloads and restarts."""

import asyncio
from pathlib import Path

import pytest
from support.service_stage import REFUSES, Run, Stage, staged_in
from support.smtp_peers import silent

from rrdns.health.overrides import Done, NoSuchNodeError, Order
from rrdns.targets import Verdict
from rrdns.web.explaining import explanation
from rrdns.web.status import status

ONE, TWO = "127.0.4.1", "127.0.4.2"
DOWN, UP = Verdict.DOWN, Verdict.UP


@pytest.fixture
def staged(tmp_path: Path) -> Run:
    """Run a test's body on a stage."""
    return staged_in(tmp_path)


async def put(stage: Stage, pattern: str, state: Verdict | None) -> Done:
    return await stage.service.override(Order(pattern, state))


def test_answers_follow_an_order_before_it_is_answered(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write(ONE, TWO, check="none")
        async with stage.running():
            # One right after another: changes within 100 ms are published together.
            for _ in range(3):
                done = await put(stage, "server1", DOWN)
                assert done.warnings == ()
                assert await stage.addresses() == {TWO}
                await put(stage, "server1", None)
                assert await stage.addresses() == {ONE, TWO}
            with pytest.raises(NoSuchNodeError):
                await put(stage, "server3", DOWN)

    staged(body)


def test_an_order_that_takes_the_last_node_out_warns(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write(ONE, TWO, check="none")
        async with stage.running():
            await put(stage, "server1", DOWN)
            done = await put(stage, "server2/*", DOWN)
            (warning,) = done.warnings
            assert warning.startswith("mx1.example.com. ipv4: degraded")
            assert await stage.addresses() == {ONE, TWO}
            done = await put(stage, "server1/primary", None)
            assert done.changes == ()
            assert done.warnings == (
                "server1/primary stays down, as the whole node is: rrdns node auto server1",
            )
            assert (await put(stage, "*", None)).warnings == ()

    staged(body)


def test_up_beats_failing_probes_and_probing_goes_on(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        await stage.peers.add(ONE)
        await stage.peers.add(TWO, REFUSES)
        stage.write(ONE, TWO)
        async with stage.running() as service:
            assert await stage.addresses() == {ONE}
            await put(stage, "server2", UP)
            assert await stage.addresses() == {ONE, TWO}
            view = service.view()
            (node,) = [node for node in status(view)["nodes"] if node["node"] == "server2"]
            assert (node["state"], node["probed"]["state"]) == ("up", "down")
            assert node["in_rotation"] is True
            probed = node["last"]["at"]

            def again() -> bool:
                (node,) = [one for one in status(service.view())["nodes"] if one["address"] == TWO]
                return bool(node["last"]["at"] > probed)

            await stage.until_true(again, "another probe")
            told = explanation(service.view(), "mx1.example.com", "A")["text"]
            assert any("up by an operator's override" in line for line in told)
            await put(stage, "server2", None)
            assert await stage.addresses() == {ONE}

    staged(body)


def test_overrides_survive_a_reload_and_a_restart(
    staged: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(stage: Stage) -> None:
        directory = str(stage.path.parent)
        stage.write(ONE, TWO, check="none")
        async with stage.running(state_directory=directory) as service:
            await put(stage, "server2", DOWN)
            stage.write(ONE, check="none")
            assert not (await service.reload()).errors
            assert "event=override_idle node=server2" in caplog.text
            (entry,) = status(service.view())["overrides"]
            assert (entry["node"], entry["idle"], entry["kept"]) == ("server2", True, True)
            stage.write(ONE, TWO, check="none")
            assert not (await service.reload()).errors
            assert await stage.addresses() == {ONE}
        async with stage.running(state_directory=directory):
            assert await stage.addresses() == {ONE}
            await put(stage, "server2", None)
        async with stage.running(state_directory=directory):
            assert await stage.addresses() == {ONE, TWO}

    staged(body)


def test_an_override_that_ends_by_itself_is_published(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write(ONE, TWO, check="none")
        async with stage.running():
            await stage.service.override(Order("server1", DOWN, 0.2))
            # It may be over on a slow machine.
            assert await stage.addresses() in ({TWO}, {ONE, TWO})

            async def both() -> bool:
                return await stage.addresses() == {ONE, TWO}

            await stage.until(both, "the end of the override")

    staged(body)


def test_an_order_before_the_first_answer_counts_for_it(
    staged: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rrdns.checking._FIRST_ROUND_SECONDS", 0.5)

    async def body(stage: Stage) -> None:
        await stage.peers.add(ONE)
        await stage.peers.add(TWO, silent)
        stage.write(ONE, TWO)

        async def early() -> Done:
            socket = stage.path.parent / "control.sock"
            await stage.until_true(socket.exists, "the control socket")
            return await put(stage, "server1", DOWN)

        order = asyncio.create_task(early())
        async with stage.running():
            done = await order
            assert [change.place for change in done.changes] == [("server1", None)]
            assert await stage.addresses() == {TWO}

    staged(body)
