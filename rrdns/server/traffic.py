"""The counts that loops and connections keep, added up for whoever asks."""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from rrdns.model import TrafficCounts
from rrdns.names import to_text
from rrdns.rrtypes import RCODE_MNEMONICS
from rrdns.server.loops import Loop
from rrdns.server.tcp import TcpServer
from rrdns.table.table import SLOTS


def traffic(loops: Iterable[Loop], tcp: TcpServer) -> TrafficCounts:
    """Return the totals since the start."""
    requests: Counter[tuple[str, str, str]] = Counter()
    responses: Counter[tuple[str, str]] = Counter()
    dropped: Counter[str] = Counter()
    limited: Counter[str] = Counter()
    leads: Counter[tuple[str, str]] = Counter()
    truncated = misses = 0
    loops = tuple(loops)
    for loop in loops:
        limited.update(dict(loop.limited))
    parts: tuple[Loop | TcpServer, ...] = (*loops, tcp)
    for part in parts:
        # Copies, because a loop goes on counting; `dict` makes one in a single step.
        for answered in (part.executor.answered(), dict(part.misses.answered)):
            for (label, rcode, slot), count in answered.items():
                proto, family = SLOTS[slot]
                requests[proto, family, label] += count
                responses[proto, RCODE_MNEMONICS[rcode]] += count
        for (host, address), count in part.executor.leads().items():
            leads[_name_text(host), _address_text(address)] += count
        dropped.update(dict(part.dropped))
        dropped.update(dict(part.misses.dropped))
        truncated += part.executor.truncated + part.misses.truncated
        misses += part.misses.count
    return TrafficCounts(
        requests=requests,
        responses=responses,
        dropped=dropped,
        leads=leads,
        rate_limited=limited,
        truncated=truncated,
        table_misses=misses,
        tcp_connections=tcp.connections,
    )


# Each of thousands of addresses is told by every loop, at every look; the words do not change.
_name_text = lru_cache(maxsize=4096)(to_text)


@lru_cache(maxsize=1 << 16)
def _address_text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))
