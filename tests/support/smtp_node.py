"""A small filtering node: `python smtp_node.py ADDRESS:PORT...` serves SMTP with aiosmtpd."""

import asyncio
import sys

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP


async def main(places: list[str]) -> None:
    """Serve on every place until killed; print ``serving`` once all of them listen."""
    loop = asyncio.get_running_loop()
    servers = []
    for place in places:
        address, port = place.rsplit(":", 1)
        servers.append(
            await loop.create_server(
                lambda: SMTP(Sink(), hostname="node.test", loop=loop), address, int(port)
            )
        )
    print("serving", flush=True)  # noqa: T201
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
