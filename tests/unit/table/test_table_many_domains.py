"""Many filtered domains cost the table nothing: they share what their profile says."""

import random
from dataclasses import replace

from support.executors import Maker
from support.tables import UDP4, ask, configure, expected

from rrdns.names import from_text
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot

COUNT = 100_000


def test_no_domain_has_an_entry_of_its_own(make_executor: Maker) -> None:
    snapshot = make_snapshot(configure(), {})
    profile = snapshot.profiles["default"]
    few = compile_table(snapshot, 1)
    names = [f"customer-{number}.example{number % 97}.test." for number in range(COUNT)]
    domains = dict.fromkeys(map(from_text, names), profile)
    snapshot = replace(snapshot, domains={**snapshot.domains, **domains})
    table = compile_table(snapshot, 2)
    assert table.names.keys() == few.names.keys()
    assert table.profiles.keys() == few.profiles.keys()
    assert table.snapshot.domains is snapshot.domains

    executor = make_executor(table)
    for name in random.Random(1).sample(names, 200):
        for packet in (ask(name, "MX"), ask(f"mail.{name}"), ask(f"a.b.c.{name}", "TXT")):
            reply = executor.execute(packet, UDP4)
            assert reply is not None
            assert reply == expected(packet, snapshot)
