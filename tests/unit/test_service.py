import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.ports import free_port
from support.smtp_peers import Handler, script, silent
from support.tables import ask, first_address, rcode

from rrdns import service as service_module
from rrdns.errors import StartError
from rrdns.loading import Loaded, load
from rrdns.names import from_text
from rrdns.server.notify import Notifier
from rrdns.server.udp import UdpLoop
from rrdns.service import Service, serve
from rrdns.settings import Endpoint

DEADLINE_SECONDS = 60.0
MX1 = "mx1.example.com."
GREETS = script(b"220 ready\r\n", b"250 hello\r\n", b"221 bye\r\n")
REFUSES = script(b"554 no\r\n", b"221 bye\r\n")

CONFIGURATION = """\
server:
  listen: ["127.0.0.1:5399"]
  http: null
  control: {directory}/control.sock
  state_directory: null
health: {{check: {check}, port: {port}, interval: 50ms, fast_interval: 20ms, fall: 1, rise: 1,
         connect_timeout: {timeout}, banner_timeout: {timeout}, command_timeout: {timeout}}}
nodes:
{nodes}zones:
  example.com:
    nameservers: {{ns1: [198.51.100.53], ns2: [203.0.113.53]}}
    hosts:
      mx1: {{role: primary}}
profiles:
  default:
    nameservers: [ns1.example.com., ns2.example.com.]
    mx: ["10 mx1.example.com."]
domains:
  - {{profile: default, names: [{domains}]}}
"""


class Told(Notifier):
    """Keeps what would be told to systemd."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[str] = []

    def tell(self, state: str) -> None:
        self.states.append(state.partition("\n")[0])


class Peers:
    """SMTP peers on addresses of loopback and one port; `handlers` says how each behaves now."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.port = 0
        self._servers: list[asyncio.Server] = []

    async def add(self, address: str, handler: Handler = GREETS) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self.handlers[address](reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.transport.abort()

        self.handlers[address] = handler
        server = await asyncio.start_server(talk, address, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)

    def close(self) -> None:
        for server in self._servers:
            server.close()


class Stage:
    """A service on a free port, its file, its peers, and a client that asks it."""

    def __init__(self, directory: Path, peers: Peers) -> None:
        self.path = directory / "rrdns.yaml"
        self.peers = peers
        self.told = Told()
        self.service: Service
        self.line = ""

    def write(
        self,
        *addresses: str,
        check: str = "ehlo",
        timeout: str = "30s",
        domains: str = "customer.test",
    ) -> None:
        nodes = "".join(
            f"  server{number}: {{primary: {address}}}\n"
            for number, address in enumerate(addresses, 1)
        )
        text = CONFIGURATION.format(
            directory=self.path.parent,
            check=check,
            port=self.peers.port or 25,
            timeout=timeout,
            nodes=nodes,
            domains=domains,
        )
        self.path.write_text(text)

    def loaded(self, **server: Any) -> Loaded:
        """The file's configuration, to listen on a free port."""
        loaded = load(self.path)
        settings = replace(
            loaded.config.server, **{"listen": (Endpoint("127.0.0.1", 0),), **server}
        )
        return Loaded(replace(loaded.config, server=settings), loaded.problems)

    @asynccontextmanager
    async def running(self, **server: Any) -> AsyncIterator[Service]:
        self.service = Service(self.loaded(**server), self.told)
        async with AsyncExitStack() as stack:
            self.line = await self.service.start(stack)
            yield self.service

    @property
    def port(self) -> int:
        return int(self.line.partition("listen=127.0.0.1:")[2].split()[0])

    async def ask(self, name: str = MX1, rrtype: str = "A") -> bytes:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.setblocking(False)
            asker.connect(("127.0.0.1", self.port))
            asker.send(ask(name, rrtype))
            return await loop.sock_recv(asker, 4096)

    async def addresses(self) -> set[str]:
        """Who leads the answers for mx1, asked often enough to see all."""
        packed = [first_address(await self.ask()) for _ in range(6)]
        return {socket.inet_ntoa(address) for address in packed}

    async def until(self, condition: Callable[[], Awaitable[object]], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not await condition():  # noqa: ASYNC110  (what is waited for has no event)
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not in time: {what}") from None

    async def until_true(self, condition: Callable[[], object], what: str) -> None:
        async def holds() -> object:
            return condition()

        await self.until(holds, what)


@pytest.fixture
def staged(tmp_path: Path) -> Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], None]:
    def run(body: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            peers = Peers()
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await body(Stage(tmp_path, peers))
            finally:
                peers.close()

        asyncio.run(whole())

    return run


Run = Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], None]


# --- starting and stopping --------------------------------------------------------------------


def test_answers_after_the_first_round_and_stops_clean(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        await stage.peers.add("127.0.4.1")
        await stage.peers.add("127.0.4.2", REFUSES)
        stage.write("127.0.4.1", "127.0.4.2")
        async with stage.running() as service:
            # The very first answer knows who is down.
            assert await stage.addresses() == {"127.0.4.1"}
            assert stage.line == (
                f"ready listen=127.0.0.1:{stage.port} http=off control={stage.path.parent}"
                "/control.sock"
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
            assert view.executor == "python"
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
        settle = service_module._settle

        def change() -> None:
            settle()
            before.append(stage.service.view().generation)
            stage.service._on_change()

        before: list[int] = []
        monkeypatch.setattr(service_module, "_settle", change)
        async with stage.running() as service:
            assert service.view().generation == before[0] + 1

    staged(body)


def test_a_loop_that_stalls_is_seen(
    staged: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service_module, "_CHECK_SECONDS", 0.01)

    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        turn = UdpLoop._turn
        stalled = True

        def stalling(loop: UdpLoop, flags: int) -> bool:
            found = turn(loop, flags)
            loop.progress -= int(stalled)
            return found

        monkeypatch.setattr(UdpLoop, "_turn", stalling)
        async with stage.running() as service:
            await stage.until_true(lambda: not service.view().healthy, "the stall")
            assert "WATCHDOG=1" not in stage.told.states
            monkeypatch.setattr(service_module, "_CHECK_SECONDS", 2.0)
            stalled = False
            await stage.until_true(lambda: service.view().healthy, "progress")
            assert "WATCHDOG=1" in stage.told.states

    staged(body)
    assert "makes no progress" in caplog.text


# --- reloading --------------------------------------------------------------------------------


def test_a_good_reload_changes_the_answers(staged: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running() as service:
            before = service.view()
            assert rcode(await stage.ask("new.test.", "MX")) == 5
            stage.write("127.0.4.1", "127.0.4.2", check="none", domains="customer.test, new.test")
            assert await service.reload() == []
            after = service.view()
            assert rcode(await stage.ask("new.test.", "MX")) == 0
            assert await stage.addresses() == {"127.0.4.1", "127.0.4.2"}
            assert after.config.sha256 != before.config.sha256
            assert after.generation > before.generation
            assert after.reload.last_successful
            assert after.reload.loaded_at >= before.reload.loaded_at
            assert stage.told.states == ["READY=1", "RELOADING=1", "READY=1"]

    with caplog.at_level(logging.WARNING):
        staged(body)
    # The file's port is not the one that the test listens on.
    assert "settings under `server` changed: they count from the next start" in caplog.text


def test_a_bad_reload_changes_nothing(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        stage.write("127.0.4.1", check="none")
        async with stage.running() as service:
            before = service.view()
            stage.path.write_text(stage.path.read_text() + "colour: red\nshape: round\n")
            errors = await service.reload()
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
            assert "cannot read the configuration" in (await service.reload())[0]
            stage.write("127.0.4.1", check="none")
            assert await service.reload() == []
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
            await stage.until_true(lambda: not service._hangups, "the end of the reload")

    staged(body)


def test_a_node_that_a_reload_adds_waits_for_its_verdict(staged: Run) -> None:
    async def body(stage: Stage) -> None:
        await stage.peers.add("127.0.4.1")
        await stage.peers.add("127.0.4.2", silent)
        stage.write("127.0.4.1")
        async with stage.running() as service:
            stage.write("127.0.4.1", "127.0.4.2", timeout="31s")
            assert await service.reload() == []
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
            assert await service.reload() == []

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
            assert await service.reload() == []
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
                assert await service.reload() == []
            assert service.view().generation == generation + 1
        assert [record.getMessage() for record in caplog.records] == [
            str(problem) for problem in loaded.problems
        ]

    staged(body)


# --- what survives a restart ------------------------------------------------------------------


def test_verdicts_survive_a_restart(staged: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "_SAVE_SECONDS", 0.01)

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
        monkeypatch.setattr(service_module, "DEFAULT_STATE_DIRECTORY", directory)
        async with stage.running(state_directory=directory):
            assert rcode(await stage.ask()) == 0

    staged(body)
    assert "nothing will be kept for a restart" in caplog.text


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
