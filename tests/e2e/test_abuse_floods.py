"""Floods of every kind, and beside each a steady stream of queries that all get their answers."""

import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from support.executors import require_native
from support.tables import ask, opt
from support.victim import Flood, Victim, steady, victim

from rrdns.rrtypes import ANY

EXECUTORS = ("python", "native")
STEADY_PER_SECOND, STEADY_SECONDS = 200, 1
LATEST_SECONDS = 1.0
DEADLINE_SECONDS = 60.0
GROWTH_BYTES = 8 * 1024 * 1024


def _label(number: int) -> bytes:
    text = b"%x" % (number * 2654435761 % 2**32)
    return bytes([len(text)]) + text


def _below(apex: bytes, rrtype: str | int = "A") -> Callable[[int], bytes]:
    return lambda number: ask(_label(number) + apex, rrtype, ident=number % 65536)


def _new_cookie(number: int) -> bytes:
    option = b"\0\x0a\0\x08" + struct.pack("!Q", number)
    return ask("mx1.example.com.", "A", tail=opt(options=option), ident=number % 65536)


@dataclass(frozen=True, slots=True)
class Kind:
    """A flood: its packets, how many a second, and for which executors they are misses.

    Cookies that are to be made are for the one in Python.
    """

    name: str
    make: Callable[[int], bytes]
    per_second: int
    misses: tuple[str, ...] = ()


# A burst of misses is more than the queue takes.
KINDS = (
    Kind("random subdomains", _below(b"\7example\3com\0"), 5000),
    Kind("random names below a domain", _below(b"\1a\1b\x08customer\4test\0", "MX"), 5000),
    Kind("foreign names", _below(b"\7invalid\0"), 5000),
    Kind("a new cookie each", _new_cookie, 20000, misses=("python",)),
    Kind("misses", lambda _: ask("mx1.example.com.", ANY), 6000, misses=EXECUTORS),
    Kind("misses of random names", _below(b"\7example\3com\0", ANY), 6000, misses=EXECUTORS),
    Kind(
        "rubbish",
        lambda number: _below(b"\7example\3com\0")(number) + b"x",
        6000,
        misses=EXECUTORS,
    ),
)


@pytest.fixture(scope="module", params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> str:
    """What answers."""
    name: str = request.param
    if name == "native":
        require_native()
    return name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, executor: str) -> Iterator[Victim]:
    """One for all floods: loopback is exempt from limits, so that nothing helps it."""
    with victim(tmp_path_factory.mktemp("floods"), executor=executor) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_flood_keeps_nobody_from_an_answer(server: Victim, executor: str, kind: Kind) -> None:
    flood = Flood(kind.make)
    # What is kept of packets fills up to its bounds first.
    with flood.running(server.port, kind.per_second):
        steady(server.port, STEADY_PER_SECOND, STEADY_PER_SECOND)
    memory = server.memory_bytes()
    dropped = server.metric("rrdns_dns_dropped_total", reason="miss_queue")
    count = STEADY_PER_SECOND * STEADY_SECONDS
    took: list[float] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    with flood.running(server.port, kind.per_second):
        # A busy machine floods more slowly, and for longer.
        while len(took) < count or flood.sent <= kind.per_second:
            took += steady(server.port, STEADY_PER_SECOND, STEADY_PER_SECOND)
            assert time.monotonic() < deadline, f"a flood of {flood.sent} is none"
    assert max(took) < LATEST_SECONDS
    assert server.memory_bytes() - memory < GROWTH_BYTES
    # Hits are never dropped; of misses what does not fit into the queue, and it is counted.
    dropped = server.metric("rrdns_dns_dropped_total", reason="miss_queue") - dropped
    # How many that are, none among them, is the machine's business.
    assert executor in kind.misses or dropped == 0


def test_a_flood_from_everywhere_needs_no_more_memory(server: Victim) -> None:
    sources = [f"127.{number // 200}.{number % 200}.1" for number in range(400)]
    flood = Flood(KINDS[0].make)

    def from_everywhere() -> None:
        for source in sources:
            with flood.running(server.port, 100, source):
                pass

    from_everywhere()
    memory = server.memory_bytes()
    from_everywhere()
    assert server.memory_bytes() - memory < GROWTH_BYTES
    assert max(steady(server.port, 100, STEADY_PER_SECOND)) < LATEST_SECONDS


def test_a_flood_of_misses_costs_no_metric_of_its_names(server: Victim) -> None:
    before = server.metric("rrdns_dns_table_misses_total")
    with Flood(_below(b"\7example\3com\0", ANY)).running(server.port, 1000):
        steady(server.port, 100, STEADY_PER_SECOND)
    assert server.metric("rrdns_dns_table_misses_total") > before
    assert server.metric("rrdns_dns_requests_total", proto="udp", type="ANY") > 0
