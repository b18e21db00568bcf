"""A service in this process: its file, its SMTP peers on loopback, and a client."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rrdns.loading import Loaded, load
from rrdns.server.notify import Notifier
from rrdns.service import Service
from rrdns.settings import Endpoint
from support.smtp_peers import Handler, script
from support.tables import ask, first_address

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
        return int(self.line.partition("listen=127.0.0.1:")[2].replace(",", " ").split()[0])

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


Run = Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], None]


def staged_in(directory: Path) -> Run:
    """Return what runs a test's body on a stage whose files are in `directory`."""

    def run(body: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            peers = Peers()
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await body(Stage(directory, peers))
            finally:
                peers.close()

        asyncio.run(whole())

    return run
