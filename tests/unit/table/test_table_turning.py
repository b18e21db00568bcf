import threading
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.executors import Maker
from support.tables import (
    TCP4,
    TCP6,
    UDP4,
    UDP6,
    ask,
    configure,
    first_address,
)

from rrdns.names import from_text
from rrdns.rrtypes import AAAA, NOERROR, A
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health

CONFIG = configure()
SNAPSHOT = make_snapshot(CONFIG, {})
TABLE = compile_table(SNAPSHOT, 1)
MX1 = from_text("mx1.example.com.")
MX3 = from_text("mx3.example.com.")
SERVER1_DOWN = {target.key: Health.DOWN for target in CONFIG.targets if "11" in target.address}
TC = 0x02


# --- rotation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("slot", [UDP4, UDP6, TCP4, TCP6])
@pytest.mark.parametrize(("rrtype", "name"), [(A, "A"), (AAAA, "AAAA")])
def test_each_healthy_address_leads_equally_often(
    make_executor: Maker, slot: int, rrtype: int, name: str
) -> None:
    executor = make_executor(TABLE)
    leads = Counter(
        first_address(executor.execute(ask(MX1, name), slot), rrtype) for _ in range(300)
    )
    assert sorted(leads.values()) == [100, 100, 100]
    assert {key[1]: count for key, count in executor.leads().items() if count} == leads


def test_a_and_aaaa_rotate_on_their_own(make_executor: Maker) -> None:
    executor = make_executor(TABLE)
    lead = first_address(executor.execute(ask(MX1, "A"), UDP4))
    executor.execute(ask(MX1, "AAAA"), UDP4)
    executor.execute(ask("mx2.example.com.", "A"), UDP4)
    assert first_address(executor.execute(ask(MX1, "A"), UDP4)) != lead
    assert executor.turn(MX1, A) == 2
    assert executor.turn(MX1, AAAA) == 1


@given(st.integers(1, 8), st.lists(st.integers(0, 7), min_size=1, max_size=200))
@settings(deadline=None)
def test_over_several_loops_leads_are_even_but_for_their_number(
    make_executor: Maker, loops: int, asked: list[int]
) -> None:
    executors = [make_executor(TABLE, stagger) for stagger in range(loops)]
    for number in asked:
        executors[number % loops].execute(ask(MX1), UDP4)
    counts = sum((executor.leads() for executor in executors), Counter())
    leads = [counts[MX1, bytes([192, 0, 2, last])] for last in (11, 21, 31)]
    assert sum(leads) == len(asked)
    assert all(abs(lead - len(asked) / 3) <= loops for lead in leads)


def test_loops_begin_staggered(make_executor: Maker) -> None:
    leads = {first_address(make_executor(TABLE, n).execute(ask(MX1), UDP4)) for n in range(3)}
    assert len(leads) == 3


def test_max_answers_gives_each_address_its_share(make_executor: Maker) -> None:
    executor = make_executor(TABLE)
    places: Counter[bytes] = Counter()
    for _ in range(30):
        reply = executor.execute(ask(MX3), UDP4)
        assert reply is not None
        assert reply[7] == 2
        places.update([reply[-20:-16], reply[-4:]])
    assert sorted(places.values()) == [20, 20, 20]


def test_rotation_and_leads_survive_a_publish(make_executor: Maker) -> None:
    executor = make_executor(TABLE)
    for _ in range(4):
        executor.execute(ask(MX1), UDP4)
    executor.adopt(compile_table(make_snapshot(CONFIG, {}), 2, TABLE))
    assert sum(executor.leads().values()) == 4
    assert first_address(executor.execute(ask(MX1), UDP4))[-1] == 21
    executor.adopt(compile_table(make_snapshot(CONFIG, SERVER1_DOWN), 3, TABLE))
    for _ in range(4):
        assert first_address(executor.execute(ask(MX1), UDP4))[-1] in (21, 31)
    leads = executor.leads()
    assert sum(leads.values()) == 9
    assert leads[MX1, bytes([192, 0, 2, 11])] == 2


def test_leads_of_a_host_that_is_gone_stay(make_executor: Maker) -> None:
    executor = make_executor(TABLE)
    executor.execute(ask(MX1), UDP4)
    gone = replace(SNAPSHOT, zones={}, answers={})
    executor.adopt(compile_table(gone, 2))
    assert +executor.leads() == {(MX1, bytes([192, 0, 2, 11])): 1}


def test_counts_can_be_read_while_queries_are_answered(make_executor: Maker) -> None:
    executor = make_executor(TABLE)
    second = compile_table(make_snapshot(CONFIG, SERVER1_DOWN), 2, TABLE)
    queries = 3000

    def work() -> None:
        for number in range(queries):
            executor.execute(ask(MX1), UDP4)
            if not number % 100:
                executor.adopt(second if number % 200 else TABLE)

    worker = threading.Thread(target=work)
    worker.start()
    seen = [0]
    while worker.is_alive():
        seen.append(sum(executor.leads().values()))
        assert sum(executor.answered().values()) <= queries
    worker.join()
    assert seen == sorted(seen)
    assert sum(executor.leads().values()) == queries
    assert executor.answered() == {("A", NOERROR, UDP4): queries}
