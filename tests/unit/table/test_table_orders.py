"""Orders of addresses: a few are asked for, and the rest is right or asked for too."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables import UDP4, ask, expected

from rrdns.dns.message import Encoded
from rrdns.loading import load
from rrdns.model import Snapshot
from rrdns.names import Name, from_text
from rrdns.table import compiler, templates
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.orders import bodies_of
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health

START = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
NODES = 50
CONFIGURATION = (
    "nodes:\n"
    + "".join(
        f"  node{number}: {{primary: [192.0.2.{number}, '2001:db8::{number}'],"
        f" weight: {number % 4}}}\n"
        for number in range(1, NODES + 1)
    )
    + """
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts:
      mx1: {role: primary}
      mx2: {role: primary, policy: weighted, max_answers: 3}
      mx3: {role: primary, policy: random}
      mx4: {role: primary, max_answers: 1}
      mx5: {role: primary, max_answers: 100}
"""
)
HOSTS = [f"mx{number}.example.com." for number in range(1, 6)]


def _turns(count: int) -> list[tuple[bytes, ...]]:
    addresses = [bytes([192, 0, 2, number]) for number in range(count)]
    return [tuple(addresses[lead:] + addresses[:lead]) for lead in range(count)]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 3))
def test_records_that_differ_in_their_address_are_moved(
    count: int, samples: int, repeats: int
) -> None:
    variants = _turns(count) * repeats
    said = [START + START.join(variant) for variant in variants]
    asked: list[int] = []

    def say(step: int) -> bytes:
        asked.append(step)
        return said[step]

    bodies = bodies_of(variants, say, samples)
    assert list(bodies) == said
    assert len(asked) <= max(samples, count if count <= samples else 0)
    assert len({id(body) for body in bodies}) == count


@pytest.mark.parametrize(
    ("variants", "bodies"),
    [
        (_turns(6), [bytes([step]) * 8 for step in range(6)]),
        (_turns(6), [b"".join(b"%d" % n + a for n, a in enumerate(v)) for v in _turns(6)]),
        (_turns(6), [(b"%d" % (n // 3)).join((b"", *v)) for n, v in enumerate(_turns(6))]),
        (_turns(6), [b"," + b",".join(v) + b"." for v in _turns(6)]),
        ([v[n % 2 :] for n, v in enumerate(_turns(6))], [b"%d" % n for n in range(6)]),
        (
            [v[n == 5 :] for n, v in enumerate(_turns(6))],
            [START.join((b"", *v)) for v in _turns(6)],
        ),
    ],
)
def test_other_records_are_asked_for_in_every_order(
    variants: list[tuple[bytes, ...]], bodies: list[bytes]
) -> None:
    asked: Counter[int] = Counter()

    def say(step: int) -> bytes:
        asked[step] += 1
        return bodies[step]

    assert list(bodies_of(variants, say, 3)) == bodies
    assert asked == dict.fromkeys(range(6), 1)


def test_a_verdict_among_many_nodes_asks_once_for_each_changed_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rrdns.yaml"
    path.write_text(CONFIGURATION)
    config = load(path).config
    before = make_snapshot(config, {}, seed=b"seed")
    table = compile_table(before, 1)
    asked: list[tuple[Name, int]] = []

    def counted(snapshot: Snapshot, name: Name, rrtype: int, index: int) -> Encoded:
        asked.append((name, rrtype))
        return templates.ask(snapshot, name, rrtype, index)

    monkeypatch.setattr(compiler, "ask", counted)
    down = {t.key: Health.DOWN for t in config.targets if t.address == "192.0.2.7"}
    after = make_snapshot(config, down, seed=b"seed", previous=before)
    new = compile_table(after, 2, table)
    assert sorted(asked) == [(from_text(host), 1) for host in HOSTS]
    for host in HOSTS:
        old_node, node = table.names[from_text(host)], new.names[from_text(host)]
        assert node.nodata is old_node.nodata
        assert {key for key in node.entries if node.entries[key] is not old_node.entries[key]} == {
            b"\0\1\0\1"
        }
        for snapshot, made in ((before, table), (after, new)):
            for rrtype, number in (("A", 1), ("AAAA", 28)):
                packet = ask(host, rrtype)
                for turn in range(len(snapshot.answers[from_text(host), number].variants)):
                    reply = PythonExecutor(made, turn).execute(packet, UDP4)
                    assert reply == expected(packet, snapshot, UDP4, turn)
