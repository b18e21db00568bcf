import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest
from support.service_stage import GREETS, REFUSES, Run, Stage, staged_in
from support.smtp_peers import silent
from support.tables import ask, rcode

from rrdns import answering
from rrdns.errors import StartError
from rrdns.server.kinds import available, cores
from rrdns.server.memory import Settling
from rrdns.server.udp import UdpLoop
from rrdns.service import serve
from rrdns.settings import Endpoint


@pytest.fixture
def staged(tmp_path: Path) -> Run:
    """Run a test's body on a stage."""
    return staged_in(tmp_path)


# --- starting and stopping --------------------------------------------------------------------


def test_answers_after_the_first_round_and_stops_clean(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        await stage.peers.add("127.0.4.1")
        await stage.peers.add("127.0.4.2", REFUSES)
        stage.write("127.0.4.1", "127.0.4.2")
        async with stage.running() as service:
            workers = cores() if available() == "native" else 1
            # The very first answer knows who is down.
            assert await stage.addresses() == {"127.0.4.1"}
            assert stage.line == (
                f"ready listen=127.0.0.1:{stage.port} http=off control={stage.path.parent}"
                f"/control.sock executor={available()} udp_workers={workers}"
            )
            view = service.view()
            assert view.ready
            assert view.healthy
            assert view.generation >= 1
            assert view.snapshot.zones is view.config.zones
            assert set(view.states) == {target.key for target in view.config.targets}
            assert view.traffic.requests == {("udp", "ipv4", "A"): 6}
            assert sum(view.traffic.leads.values()) == 6
            assert view.reload.last_successful
            assert view.executor == available()
            assert view.publish_seconds > 0
            assert stage.told.states == ["READY=1"]
        assert stage.told.states == ["READY=1", "STOPPING=1"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", stage.port))

    staged(body)


def test_tcp_and_udp_and_http_are_served(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running(http=Endpoint("127.0.0.1", 0)):
            assert "http=127.0.0.1:" in stage.line
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
            packet = ask("customer.test.", "MX")
            writer.write(len(packet).to_bytes(2, "big") + packet)
            reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            assert rcode(reply) == 0
            assert stage.service.view().traffic.tcp_connections == 1
            writer.close()
            await writer.wait_closed()
            http = int(stage.line.partition("http=127.0.0.1:")[2].split()[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", http)
            writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
            assert b" 200 " in await reader.readline()
            writer.close()
            await writer.wait_closed()

    staged(body)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_serve(staged: Run, number: signal.Signals) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        lines: list[str] = []

        def announce(line: str) -> None:
            lines.append(line)
            os.kill(os.getpid(), number)

        await serve(stage.loaded(), announce=announce)
        await serve(stage.loaded(), notify=False, announce=announce)
        assert len(lines) == 2

    staged(body)


def test_a_stop_during_the_first_round_does_not_wait_for_it(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        await stage.peers.add("127.0.4.1", silent)
        stage.write("127.0.4.1")
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        await serve(stage.loaded(), notify=False)

    staged(body)


def test_a_busy_port_is_told_and_leaves_no_control_socket(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        with socket.create_server(("127.0.0.1", 0)) as owner:
            port = owner.getsockname()[1]
            with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{port}"):
                await serve(stage.loaded(listen=(Endpoint("127.0.0.1", port),)), notify=False)
        assert not (stage.path.parent / "control.sock").exists()

    staged(body)


# --- health -----------------------------------------------------------------------------------


def test_a_node_leaves_the_answers_and_returns(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        for address in ("127.0.4.1", "127.0.4.2"):
            await stage.peers.add(address)
        stage.write("127.0.4.1", "127.0.4.2")
        async with stage.running() as service:
            generation = service.view().generation
            assert await stage.addresses() == {"127.0.4.1", "127.0.4.2"}
            stage.peers.handlers["127.0.4.2"] = REFUSES

            async def one_is_left() -> bool:
                return await stage.addresses() == {"127.0.4.1"}

            await stage.until(one_is_left, "server2 to leave")
            stage.peers.handlers["127.0.4.2"] = GREETS

            async def both_are_there() -> bool:
                return await stage.addresses() == {"127.0.4.1", "127.0.4.2"}

            await stage.until(both_are_there, "server2 to return")
            assert service.view().generation >= generation + 2
            assert service.view().probe_failures

    staged(body)


def test_the_first_change_goes_out_at_once_and_the_next_ones_together(
    staged: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running() as service:
            before = service.view().generation
            for _ in range(10):
                service._on_change()
            assert service.view().generation == before + 1
            await stage.until_true(
                lambda: service.view().generation == before + 2, "the rest of the changes"
            )
            await stage.until_true(lambda: service._pause is None, "the end of the pause")
            assert service.view().generation == before + 2
            service._on_change()
            assert service.view().generation == before + 3

    staged(body)


def test_a_change_before_ready_is_published_with_it(
    staged: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        settle = Settling.settle

        def change(settling: Settling) -> None:
            settle(settling)
            before.append(stage.service.view().generation)
            stage.service._on_change()

        before: list[int] = []
        monkeypatch.setattr(Settling, "settle", change)
        async with stage.running() as service:
            assert service.view().generation == before[0] + 1

    staged(body)


def test_a_loop_that_stalls_is_seen(
    staged: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(answering, "_CHECK_SECONDS", 0.01)

    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        turn = UdpLoop._turn
        stalled = True

        def stalling(loop: UdpLoop, flags: int) -> bool:
            found = turn(loop, flags)
            loop.progress -= int(stalled)
            return found

        monkeypatch.setattr(UdpLoop, "_turn", stalling)
        async with stage.running(executor="python") as service:
            await stage.until_true(lambda: not service.view().healthy, "the stall")
            assert "WATCHDOG=1" not in stage.told.states
            monkeypatch.setattr(answering, "_CHECK_SECONDS", 2.0)
            stalled = False
            await stage.until_true(lambda: service.view().healthy, "progress")
            assert "WATCHDOG=1" in stage.told.states

    staged(body)
    assert "makes no progress" in caplog.text


# --- what survives a restart ------------------------------------------------------------------


def test_verdicts_survive_a_restart(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        directory = str(stage.path.parent)
        await stage.peers.add("127.0.4.1")
        await stage.peers.add("127.0.4.2", REFUSES)
        stage.write("127.0.4.1", "127.0.4.2")
        async with stage.running(state_directory=directory):
            await stage.until_true((stage.path.parent / "health.json").exists, "the first save")
        # Nobody says anything now; the dead one stays out of the first answers all the same.
        stage.peers.handlers = dict.fromkeys(stage.peers.handlers, silent)
        async with stage.running(state_directory=directory):
            assert await stage.addresses() == {"127.0.4.1"}

    staged(body)


def test_a_state_directory_that_was_asked_for_must_be_writable(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        directory = str(stage.path.parent / "missing")
        with pytest.raises(StartError, match=r"cannot write to server\.state_directory"):
            async with stage.running(state_directory=directory):
                raise AssertionError("it started")

    staged(body)


def test_the_default_state_directory_may_be_missing(
    staged: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        directory = str(stage.path.parent / "missing")
        monkeypatch.setattr("rrdns.store.directory.DEFAULT_STATE_DIRECTORY", directory)
        async with stage.running(state_directory=directory):
            assert rcode(await stage.ask()) == 0

    staged(body)
    assert "nothing will be kept for a restart" in caplog.text
