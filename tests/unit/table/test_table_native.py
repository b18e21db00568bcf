"""What only the compiled executor has: tables that are offered, parts that are shared, buffers."""

import gc
import tracemalloc
import weakref
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from support.executors import require_native
from support.tables import TCP4, UDP4, ask, configure, expected, first_address, opt

from rrdns.domainmap import DomainMap
from rrdns.names import from_text
from rrdns.rrtypes import NOERROR, A
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import Entry, Node, Table, Template
from rrdns.targets import Health

CONFIG = configure()
SNAPSHOT = make_snapshot(CONFIG, {})
TABLE = compile_table(SNAPSHOT, 1)
MX1 = from_text("mx1.example.com.")
ONE, TWO, THREE = (bytes([192, 0, 2, last]) for last in (11, 21, 31))


@pytest.fixture(autouse=True, scope="module")
def built() -> None:
    require_native()


def executor_of(table: Any, stagger: int = 0) -> Any:
    from rrdns.table._native import NativeExecutor

    return NativeExecutor(table, stagger)


def native(table: Table, previous: Any = None) -> Any:
    from rrdns.table._native import NativeTable

    return NativeTable(table, previous)


def without(*ends: str, generation: int = 2, previous: Table = TABLE) -> Table:
    """The table in which targets with these ends of their addresses are down."""
    down = {t.key: Health.DOWN for t in CONFIG.targets if t.address.endswith(ends)}
    return compile_table(make_snapshot(CONFIG, down), generation, previous)


# --- tables that are offered ------------------------------------------------------------------


def test_what_is_offered_waits_until_it_is_looked_for() -> None:
    executor = executor_of(TABLE)
    executor.offer(without(".11", ".31"))
    leads = [first_address(executor.execute(ask(MX1), UDP4)) for _ in range(3)]
    assert leads == [ONE, TWO, THREE]
    assert executor.table.generation == 2
    # A turn for the responder looks for it, as a loop does after each receive.
    executor.turn(MX1, A)
    assert first_address(executor.execute(ask(MX1), UDP4)) == TWO


def test_leads_are_exact_for_what_the_table_before_answered_after_the_publish() -> None:
    executor = executor_of(TABLE)
    executor.execute(ask(MX1), UDP4)
    executor.offer(without(".21"))
    for _ in range(4):
        executor.execute(ask(MX1), UDP4)
    assert +executor.leads() == {(MX1, ONE): 2, (MX1, TWO): 2, (MX1, THREE): 1}
    executor.offer(without(".21", ".31"))
    executor.offer(without(".31"))
    executor.turn(MX1, A)
    for _ in range(9):
        executor.execute(ask(MX1), UDP4)
    leads = executor.leads()
    assert sum(leads.values()) == 15
    assert leads[MX1, THREE] == 1
    executor.release()
    assert executor.leads() == leads


def test_it_goes_on_where_the_python_executor_does() -> None:
    tables = [TABLE]
    for generation, ends in enumerate(((".11",), (), (".21", ".31"), (".11",), ("1",)), 2):
        tables.append(without(*ends, generation=generation, previous=tables[-1]))
    python, compiled = PythonExecutor(TABLE, 2), executor_of(TABLE, 2)
    for count, table in enumerate(tables * 5):
        python.adopt(table)
        compiled.adopt(table)
        for _ in range(count % 7):
            said = compiled.execute(ask(MX1), UDP4)
            assert said == python.execute(ask(MX1), UDP4)
    assert compiled.leads() == python.leads()
    assert compiled.answered() == python.answered()


def test_several_executors_share_where_rotations_go_on() -> None:
    first, second = native(TABLE), None
    executors = [executor_of(first, stagger) for stagger in range(3)]
    for executor in executors:
        executor.execute(ask(MX1), UDP4)
    second = native(without(".21"), first)
    for executor in executors:
        executor.adopt(second)
    leads = [first_address(executor.execute(ask(MX1), UDP4)) for executor in executors]
    assert leads == [THREE, THREE, ONE]


def test_hosts_that_come_and_go_keep_their_leads() -> None:
    executor = executor_of(TABLE)
    executor.execute(ask(MX1), UDP4)
    gone = compile_table(replace(SNAPSHOT, zones={}, answers={}), 2)
    executor.adopt(gone)
    assert executor.execute(ask(MX1), UDP4) == expected(ask(MX1), gone.snapshot)
    with pytest.raises(KeyError):
        executor.turn(MX1, A)
    executor.adopt(TABLE)
    executor.execute(ask(MX1), UDP4)
    assert +executor.leads() == {(MX1, ONE): 2}


def test_a_table_is_freed_when_nobody_executes_it() -> None:
    first = native(TABLE)
    executor = executor_of(first)
    died = weakref.ref(first)
    second = native(without(".11"), first)
    executor.offer(second)
    del first
    executor.release()
    assert died() is not None
    executor.turn(MX1, A)
    executor.release()
    assert died() is None


def test_publishes_leave_nothing_behind() -> None:
    tables = [without(".11"), without(".21"), TABLE]
    executor = executor_of(TABLE)
    made = native(TABLE)

    def publish(count: int) -> None:
        nonlocal made
        for number in range(count):
            made = native(tables[number % 3], made)
            executor.adopt(made)
            executor.execute(ask(MX1), UDP4)

    publish(30)
    gc.collect()
    tracemalloc.start()
    try:
        publish(30)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        publish(300)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000


# --- parts that are shared --------------------------------------------------------------------


def test_healths_leave_zones_and_domains_as_they_are() -> None:
    first = native(TABLE)
    second = native(without(".11"), first)
    assert second.fixed is first.fixed
    third = native(compile_table(replace(SNAPSHOT, domains=dict(SNAPSHOT.domains)), 3), second)
    assert third.fixed is not second.fixed
    assert native(TABLE).fixed is not first.fixed


def test_domains_are_read_where_they_stand() -> None:
    # Python's own hash of names, and their octets: nothing is copied but what a dict needs.
    profile = SNAPSHOT.profiles["default"]
    names = [from_text(f"customer{number}.test.") for number in range(500)]
    for domains in (dict.fromkeys(names, profile), DomainMap.of(dict.fromkeys(names, profile))):
        snapshot = replace(SNAPSHOT, domains=domains)
        executor = executor_of(compile_table(snapshot, 1))
        for name in (*names[::50], from_text("customer.test."), from_text("customer500.test.")):
            packet = ask(name, "MX")
            assert executor.execute(packet, UDP4) == expected(packet, snapshot)


def test_domains_of_any_depth_are_found() -> None:
    profile = SNAPSHOT.profiles["default"]
    names = [b"\1d" * depth + b"\0" for depth in (1, 2, 63, 64, 65, 127)]
    snapshot = replace(SNAPSHOT, domains=dict.fromkeys(names, profile))
    executor = executor_of(compile_table(snapshot, 1))
    for depth in range(128):
        packet = ask(b"\1d" * depth + b"\0", "MX")
        said = executor.execute(packet, UDP4)
        assert said == expected(packet, snapshot)
        assert said is not None


# --- buffers, codes, tables that no compiler makes --------------------------------------------


def test_a_reply_that_has_no_room_is_a_miss_that_leaves_all_as_it_was() -> None:
    from rrdns.table._native import MISS

    executor = executor_of(TABLE)
    for packet in (ask(MX1), ask(MX1, tail=opt()), ask("customer.test.", "MX")):
        reply = executor_of(TABLE).execute(packet, UDP4)
        for room in range(len(packet), len(reply)):
            assert executor.execute_within(packet, room, UDP4) == (MISS, packet)
        assert executor.answered() == {}
        assert executor.execute_within(packet, len(reply), UDP4) == (len(reply), reply)
        executor = executor_of(TABLE)


def test_silence_is_told_from_misses() -> None:
    from rrdns.table._native import MISS, RESPONSE, SHORT

    executor = executor_of(TABLE)
    response = ask(MX1, flags=0x8000)
    for packet, code in (
        (b"", SHORT),
        (response[:11], SHORT),
        (response[:12], RESPONSE),
        (response, RESPONSE),
        (ask(MX1, "ANY"), MISS),
    ):
        assert executor.execute_within(packet, 512, UDP4) == (code, packet)
        assert executor.execute(packet, UDP4) is None
    assert executor.answered() == {}


def test_packets_of_all_sizes_are_taken_over_tcp() -> None:
    executor = executor_of(TABLE)
    octets = 65535 - len(ask(MX1)) - 11
    record = b"\0\0\x10\0\1\0\0\0\0" + octets.to_bytes(2, "big") + bytes(octets)
    whole = ask(MX1, tail=record, additional=1)
    assert len(whole) == 65535
    assert executor.execute(whole, TCP4) == expected(whole, SNAPSHOT, TCP4)
    assert executor.execute(whole + b"\0", TCP4) is None
    assert executor.answered() == {("A", NOERROR, TCP4): 1}


@pytest.mark.parametrize(
    ("slot", "client"), [(4, bytes(4)), (0, b""), (0, bytes(5)), (0, bytes(17))]
)
def test_who_asks_has_to_make_sense(slot: int, client: bytes) -> None:
    executor = executor_of(TABLE)
    for execute in (
        executor.execute,
        lambda *asked: executor.execute_within(asked[0], 99, *asked[1:]),
    ):
        with pytest.raises(ValueError, match="a slot is from 0 to 3"):
            execute(ask(MX1), slot, client)
    with pytest.raises(ValueError, match="room for its packet"):
        executor.execute_within(bytes(20), 19, 0)
    with pytest.raises(ValueError, match="a reply has a header"):
        executor.limit(bytes(4), ask(MX1), bytes(11), 1)


def changed(entry: Entry, **changes: Any) -> Table:
    node = Node({b"\0\1\0\1": replace(entry, **changes)}, None)
    return replace(TABLE, names={**TABLE.names, MX1: node})


def test_tables_that_no_compiler_makes_are_refused() -> None:
    entry = TABLE.names[MX1].entries[b"\0\1\0\1"]
    for table, complaint in (
        (changed(entry, bodies=()), "at least one body"),
        (changed(entry, bodies=entry.bodies[:2]), "as many bodies"),
        (changed(entry, heads=entry.heads[:3]), "four heads"),
        (changed(entry, heads=(b"",) * 4), "four heads"),
        (changed(entry, rotor=-1, template=Template(b"abc", ((2, 0),), ())), "outside of its body"),
        (changed(entry, rotor=-1, template=Template(b"abc", (), (-1,))), "outside of its body"),
        (replace(TABLE, names={MX1: Node({b"\0\1\0\3": entry}, None)}), "not of class IN"),
        (replace(TABLE, snapshot=replace(SNAPSHOT, cookie_secrets=(b"x",))), "16 octets"),
    ):
        with pytest.raises(ValueError, match=complaint):
            native(table)


def test_limits_come_and_go_with_the_tables() -> None:
    from rrdns.table._native import NativeLimits

    executor = executor_of(TABLE)
    packet = ask(MX1)
    reply = expected(packet, SNAPSHOT)

    def passed() -> int:
        return sum(executor.limit(bytes(4), packet, reply, 1) is not None for _ in range(10))

    assert passed() == 10
    executor.limit_to(NativeLimits(3, 0))
    executor.adopt(TABLE)
    assert passed() == 3
    executor.adopt(without(".11"))
    assert passed() == 0
    executor.limit_to(None)
    executor.adopt(TABLE)
    assert passed() == 10
    assert Counter(executor.limited()) == {"dropped": 17}
