"""Thousands of good SMTP servers for the price of one: `python smtp_thousands.py ADDRESS SECONDS`.

It listens on a free port of an address (0.0.0.0: every one of loopback), prints the port, and
greets each client after so many seconds.
"""

import asyncio
import sys

_REPLIES = {b"EHLO": b"250 node.test\r\n", b"QUIT": b"221 bye\r\n"}


class _Good(asyncio.Protocol):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        greeting = b"220 node.test ESMTP\r\n"
        asyncio.get_running_loop().call_later(self._seconds, transport.write, greeting)

    def data_received(self, data: bytes) -> None:
        self._transport.write(_REPLIES[data[:4]])


async def main(address: str, seconds: float) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(
        lambda: _Good(seconds), address, 0, backlog=4096
    )
    print("port", server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
