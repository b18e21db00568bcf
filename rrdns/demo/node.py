"""One SMTP node of the demo: `python -m rrdns.demo.node NAME PORT ADDRESS...`.

Says `listening PORT` on stdout once it listens on all its addresses (PORT 0: any port that is free
on all of them), or why it cannot. SIGUSR1 closes its sockets as if the node had died, SIGUSR2 opens
them again. It ends when its stdin does, so it cannot outlive the demo, however that dies.
"""

import asyncio
import os
import signal
import sys

ATTEMPTS = 10
REPLIES = {
    "EHLO": "250-{name} greets you\r\n250 HELP\r\n",
    "HELO": "250 {name}\r\n",
    "NOOP": "250 OK\r\n",
    "RSET": "250 OK\r\n",
    "MAIL": "250 OK\r\n",
    "RCPT": "550 this is a demo: no mail is taken\r\n",
    "QUIT": "221 {name} closes\r\n",
}


class DemoNode:
    """An SMTP server that takes no mail, on several addresses and one port."""

    def __init__(self, name: str, port: int, addresses: list[str]) -> None:
        self.port = port
        self.name = name
        self._addresses = addresses
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen on all addresses; does nothing if it does already. Raises OSError."""
        attempts_left = 1 if self.port else ATTEMPTS
        while not self._servers:
            attempts_left -= 1
            try:
                await self._open_once()
            except OSError:
                if not attempts_left:
                    raise

    async def _open_once(self) -> None:
        port = self.port
        servers: list[asyncio.Server] = []
        try:
            for address in self._addresses:
                server = await asyncio.start_server(self._talk, address, port)
                servers.append(server)
                port = server.sockets[0].getsockname()[1]
        except OSError:
            for server in servers:
                server.close()
            raise
        self.port, self._servers = port, servers

    def close(self) -> None:
        """Stop listening and break every connection off."""
        for server in self._servers:
            server.close()
        self._servers = []
        for writer in self._writers:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            writer.write(f"220 {self.name} demo ESMTP\r\n".encode())
            while line := await reader.readline():
                verb = line[:4].decode("ascii", "replace").upper()
                reply = REPLIES.get(verb, "502 not in this demo\r\n")
                writer.write(reply.format(name=self.name).encode())
                if verb == "QUIT":
                    break
        except (ConnectionError, ValueError):
            # A peer that resets, or sends a line without end, is of no interest here.
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


async def _run(node: DemoNode) -> None:
    loop = asyncio.get_running_loop()
    orders: asyncio.Queue[str] = asyncio.Queue()

    def read_stdin() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            orders.put_nowait("end")

    # Ctrl-C in the terminal reaches every process of the demo: its parent ends the nodes in order.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGUSR1, orders.put_nowait, "close")
    loop.add_signal_handler(signal.SIGUSR2, orders.put_nowait, "open")
    loop.add_reader(sys.stdin.fileno(), read_stdin)
    await node.open()
    sys.stdout.write(f"listening {node.port}\n")
    sys.stdout.flush()
    while (order := await orders.get()) != "end":
        if order == "close":
            node.close()
            continue
        try:
            await node.open()
        except OSError as error:
            sys.stderr.write(f"node {node.name} stays down: {error.strerror or error}\n")
    node.close()


def main(arguments: list[str]) -> int:
    """Run a node from its command line's arguments; the exit code is 1 if it cannot listen."""
    name, port, *addresses = arguments
    try:
        asyncio.run(_run(DemoNode(name, int(port), addresses)))
    except OSError as error:
        sys.stdout.write(f"{error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
