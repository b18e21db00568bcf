"""The counts that loops and connections keep, added up for whoever asks."""

import ipaddress
from collections import Counter
from collections.abc import Iterable

from rrdns.model import TrafficCounts
from rrdns.names import to_text
from rrdns.rrtypes import RCODE_MNEMONICS
from rrdns.server.misses import Misses
from rrdns.server.tcp import TcpServer
from rrdns.server.udp import UdpLoop
from rrdns.table.executor import PythonExecutor
from rrdns.table.table import SLOTS


def traffic(
    executor: PythonExecutor, misses: Misses, loops: Iterable[UdpLoop], tcp: TcpServer
) -> TrafficCounts:
    """Return the totals since the start."""
    requests: Counter[tuple[str, str, str]] = Counter()
    responses: Counter[tuple[str, str]] = Counter()
    for answered in (executor.answered(), misses.answered):
        for (label, rcode, slot), count in answered.items():
            proto, family = SLOTS[slot]
            requests[proto, family, label] += count
            responses[proto, RCODE_MNEMONICS[rcode]] += count
    dropped = misses.dropped + tcp.dropped
    for loop in loops:
        dropped += loop.dropped
    return TrafficCounts(
        requests=requests,
        responses=responses,
        dropped=dropped,
        leads={
            (to_text(host), str(ipaddress.ip_address(address))): count
            for (host, address), count in executor.leads().items()
        },
        rate_limited={},
        truncated=executor.truncated + misses.truncated,
        table_misses=misses.count,
        tcp_connections=tcp.connections,
    )
