"""The benchmark's own clients, against small servers of the test; and what they ask."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench import flood, pipelining
from bench.load import Answered, random_names
from bench.messages import framed, message, misses
from bench.misses import Flooded, dropped_in, flood_table, kept
from bench.running import Round
from rrdns.dns.query import scan
from rrdns.rrtypes import FORMERR


def test_messages_are_what_they_say() -> None:
    query = scan(message(7, "mx1.example.com", "MX"))
    assert query is not None
    assert (query.ident, query.name, query.rrtype, query.rrclass, query.error) == (
        *(7, b"\3mx1\7example\3com\0", 15, 1),
        None,
    )
    assert framed(b"abc") == b"\0\3abc"


def test_misses_are_some_malformed_and_some_odd() -> None:
    errors = [None if query is None else query.error for query in map(scan, misses())]
    assert errors == [None, None, FORMERR, FORMERR, FORMERR, None]


def test_random_names_differ_and_are_the_same_in_every_run() -> None:
    names = random_names(1000, ("example.com", "customer.test"))
    assert len(set(names)) == 1000
    assert names == random_names(1000, ("example.com", "customer.test"))
    assert sum(name.endswith(".customer.test") for name, _ in names) == 500


# --- the pipelining client --------------------------------------------------------------------


@contextmanager
def _tcp(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    def accept() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=serve, args=(peer,))
            thread.start()
            threads.append(thread)

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(10)
    for thread in threads:
        thread.join(10)


def _echo(peer: socket.socket) -> None:
    # Cut anywhere, so that the client meets messages in parts.
    with peer:
        while data := peer.recv(37):
            peer.sendall(data)


def test_the_pipelining_client_counts_every_answer() -> None:
    queries = [message(ident, "mx1.example.com", "A") for ident in range(10)]
    with _tcp(_echo) as port:
        seen = pipelining.run(port, queries, connections=2, seconds=0.2)
    assert isinstance(seen["sent"], int)
    assert seen["sent"] >= 20
    assert seen["codes"] == {0: seen["sent"]}


def test_the_pipelining_client_says_that_it_was_cut() -> None:
    queries = [message(0, "mx1.example.com", "A")]
    with _tcp(lambda peer: peer.close()) as port, pytest.raises(ConnectionError):
        pipelining.run(port, queries, connections=1, seconds=0.2)


# --- the flood --------------------------------------------------------------------------------


def test_the_flood_keeps_its_rate_and_counts_answers() -> None:
    def answer() -> None:
        for _ in range(5):
            packet, client = server.recvfrom(4096)
            server.sendto(packet, client)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        thread = threading.Thread(target=answer)
        thread.start()
        seen = flood.run(server.getsockname()[1], rate=1000, seconds=0.3)
        thread.join(10)
    assert seen.answered == 5
    assert 0 < seen.sent <= 1000 * seen.seconds


def test_dropped_misses_are_read_from_the_metrics() -> None:
    sample = 'rrdns_dns_dropped_total{reason="miss_queue"} 1.5e+03'
    text = f"# TYPE rrdns_dns_dropped_total counter\n{sample}\n"
    assert dropped_in(text) == 1500
    assert dropped_in("") == 0


def test_the_floods_table_has_a_line_for_each_kind() -> None:
    good = Round(Answered(1000, 990, 10, 990, 2.0, 0.00025), 0.5)
    quiet = Flooded(good, None, 0)
    flooded = Flooded(good, flood.Flood(4000, 1000, 4.0), 2000)
    stranger = Flooded(good, flood.Flood(4000, 3000, 4.0), None)
    rounds = {"rrdns": {"no": [quiet], "yes": [flooded]}, "nsd": {"yes": [stranger]}}
    assert flood_table(rounds)[2:] == [
        "| rrdns | no | 495 | 1.00% | 0.25 | 0.25 | - | - | - |",
        "| rrdns | yes | 495 | 1.00% | 0.25 | 0.12 | 1,000 | 250 | 500 |",
        "| nsd | yes | 495 | 1.00% | 0.25 | 0.12 | 1,000 | 750 | - |",
    ]


def test_what_a_flood_leaves_is_a_median_of_pairs() -> None:
    def answered(count: int) -> Flooded:
        return Flooded(Round(Answered(count, count, 0, count, 1.0), 0.5), None, None)

    quiet = [answered(1000), answered(1000), answered(500)]
    flooded = [answered(900), answered(1000), answered(250)]
    assert kept({"no": quiet, "yes": flooded}) == pytest.approx(0.9)


def test_a_frame_is_a_length_and_a_message() -> None:
    packet = message(1, "mx1.example.com", "A")
    assert struct.unpack("!H", framed(packet)[:2])[0] == len(packet)
