import threading

from support.tables import TCP4, TCP6, UDP4, UDP6, ask, configure
from support.waiting import wait_until

from rrdns.server.sockets import bind_all
from rrdns.server.tcp import TcpServer
from rrdns.server.traffic import traffic
from rrdns.server.udp import UdpLoop
from rrdns.settings import Endpoint, Limits
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.snapshot import make_snapshot

TABLE = compile_table(make_snapshot(configure(), {}), 1)
MX1 = "mx1.example.com."


def make_loop(stagger: int) -> UdpLoop:
    """A loop that is not started; its socket is closed with it."""
    (pair,) = bind_all([Endpoint("127.0.0.1", 0)])
    loop = UdpLoop(
        pair.udp[0], pair.family, TABLE, wildcard=False, limits=Limits(), stagger=stagger
    )
    pair.close()
    return loop


def test_adds_up_hits_and_misses_of_all_parts() -> None:
    loops = [make_loop(0), make_loop(1)]
    tcp = TcpServer(Limits(), PythonExecutor(TABLE, stagger=2))
    parts: list[tuple[UdpLoop | TcpServer, int]]
    parts = [(loops[0], UDP4), (loops[1], UDP6), (tcp, TCP6)]
    for part, slot in parts:
        part.executor.execute(ask(MX1), slot)
        part.misses.answer(ask("alias.example.com.", "MX"), slot)
        part.misses.answer(b"", slot)
        part.dropped["odd"] += 1
    loops[0].executor.truncated += 2
    loops[1].misses.truncated += 3
    counts = traffic(loops, tcp)
    assert counts.requests == {
        (proto, family, rrtype): 1
        for proto, family in (("udp", "ipv4"), ("udp", "ipv6"), ("tcp", "ipv6"))
        for rrtype in ("A", "MX")
    }
    assert counts.responses == {("udp", "NOERROR"): 4, ("tcp", "NOERROR"): 2}
    assert counts.dropped == {"odd": 3, "short": 3}
    # Each part began with another address.
    assert {key: count for key, count in counts.leads.items() if count} == {
        (MX1, "192.0.2.11"): 1,
        (MX1, "192.0.2.21"): 1,
        (MX1, "192.0.2.31"): 1,
    }
    assert (MX1, "2001:db8::11") in counts.leads
    assert (counts.truncated, counts.table_misses, counts.tcp_connections) == (5, 6, 0)


def test_can_be_read_while_a_loop_counts() -> None:
    loop = make_loop(0)
    tcp = TcpServer(Limits(), PythonExecutor(TABLE))
    done = threading.Event()

    def work() -> None:
        number = 0
        while not done.is_set():
            number += 1
            loop.executor.execute(ask(MX1), UDP4)
            loop.misses.answer(ask("alias.example.com.", number % 60000 + 256), TCP4)
            loop.misses.dropped[str(number)] += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        wait_until(lambda: sum(traffic([loop], tcp).leads.values()) > 500, 60, "500 answers")
    finally:
        done.set()
        worker.join()
    counts = traffic([loop], tcp)
    assert sum(counts.leads.values()) == counts.requests["udp", "ipv4", "A"]
