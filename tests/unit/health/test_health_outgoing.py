"""Packets that a local firewall keeps back, told from those that nobody answers."""

import json
import socket
import struct
import sys

import pytest
from support.netns import namespace
from support.programs import require_program

from rrdns.health.outgoing import is_held_back

HELD_BACK, SILENT, REFUSED = "10.25.0.1", "10.25.0.2", "10.25.0.3"
PROBES = f"""
import asyncio, json
from dataclasses import replace
from rrdns.health.probe import probe
from rrdns.targets import ProbeSettings, Target

settings = ProbeSettings(connect_timeout_seconds=1.5)
hasty = replace(settings, connect_timeout_seconds=0.2)

async def main():
    asked = {[HELD_BACK, SILENT, REFUSED, "fd25::1"]!r}
    targets = [*(Target(address, settings) for address in asked), Target({HELD_BACK!r}, hasty)]
    results = await asyncio.gather(*(probe(target) for target in targets))
    print(json.dumps([[result.reason, result.text] for result in results]))

asyncio.run(main())
"""


def test_what_this_machine_drops_is_its_own_trouble() -> None:
    require_program("nft")
    with namespace(HELD_BACK, SILENT, REFUSED, "fd25::1") as inside:
        inside.drop(SILENT)
        inside.run(
            *("nft", "-f", "-"),
            stdin=f"""\
add table inet outgoing
add chain inet outgoing output {{ type filter hook output priority 0; policy accept; }}
add rule inet outgoing output ip daddr {HELD_BACK} drop
add rule inet outgoing output ip6 daddr fd25::1 drop
""",
        )
        found = json.loads(inside.run(sys.executable, "-c", PROBES))
    why = "this machine's own firewall or queue drops the packets"
    assert found == [
        ["local", why],
        ["timeout", None],
        ["unreachable", None],
        ["local", why],
        # Nothing can be told before the kernel's second try, a second after the first.
        ["timeout", None],
    ]


def info(state: int, under_way: int, tried: int) -> bytes:
    return struct.pack("=B35xI60xI", state, under_way, tried)


@pytest.mark.parametrize(
    ("told", "held_back"),
    [
        (info(2, 0, 0), False),
        (info(2, 0, 1), True),
        (info(2, 1, 1), False),
        (info(1, 0, 1), False),
        (b"short", False),
        (OSError("no"), False),
    ],
)
def test_what_the_kernel_tells(told: bytes | OSError, held_back: bool) -> None:
    class Socket(socket.socket):
        def getsockopt(self, *_: object) -> bytes:  # type: ignore[override]
            if isinstance(told, OSError):
                raise told
            return told

    with Socket() as sock:
        assert is_held_back(sock) is held_back


def test_elsewhere_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd")
    with socket.socket() as sock:
        assert not is_held_back(sock)
