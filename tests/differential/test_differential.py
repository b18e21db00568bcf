"""Thousands of questions to rrdns, NSD and Knot: what they say differs by the named rules alone."""

from collections import Counter
from pathlib import Path

import pytest
from support.executors import require_native

from differential.questions import Question, questions
from differential.replies import Client, said
from differential.rules import RULES
from differential.servers import ADDRESS, servers

_CONFORMANCE = Path(__file__).parents[2] / "docs" / "conformance.md"
_SHOWN = 10

Replies = list[tuple[Question, dict[str, bytes]]]


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> Replies:
    """What each server said to each question."""
    found: Replies = []
    with (
        servers(tmp_path_factory.mktemp("differential")) as ports,
        Client(ADDRESS, ports.rrdns) as rrdns,
        Client(ADDRESS, ports.rrdns_python) as python,
        Client(ADDRESS, ports.nsd) as nsd,
        Client(ADDRESS, ports.knot) as knot,
    ):
        clients = {"rrdns": rrdns, "python": python, "nsd": nsd, "knot": knot}
        for question in questions():
            wires = {name: client.ask(question) for name, client in clients.items()}
            # 0x20: the question comes back as it was asked (RFC 4343, section 4.1).
            assert question.packet[12:].startswith(_question_of(wires["rrdns"])), question
            found.append((question, wires))
    return found


def _question_of(wire: bytes) -> bytes:
    position = 12
    while wire[position]:
        position += 1 + wire[position]
    return wire[12 : position + 5]


def test_thousands_of_questions_are_asked(replies: Replies) -> None:
    assert len(replies) > 5000
    ours = [said(wires["rrdns"]) for _, wires in replies]
    rcodes = Counter(reply.rcode for reply in ours)
    # NOERROR, NXDOMAIN, REFUSED, YXDOMAIN and BADVERS all come up.
    least = {0: 2000, 3: 1000, 5: 50, 6: 2, 16: 20}
    assert all(rcodes[rcode] >= count for rcode, count in least.items()), rcodes
    assert sum("TC" in reply.flags for reply in ours) > 50


def test_both_executors_say_the_same_octets(replies: Replies) -> None:
    require_native()
    assert [question for question, wires in replies if wires["rrdns"] != wires["python"]] == []


@pytest.mark.parametrize("server", ["nsd", "knot"])
def test_the_replies_are_the_same_but_for_the_rules(replies: Replies, server: str) -> None:
    used: Counter[str] = Counter()
    differences = []
    for question, wires in replies:
        ours, theirs = said(wires["rrdns"]), said(wires[server])
        adjusted = theirs
        for rule in RULES:
            if adjusted != ours and server in rule.servers:
                found = rule.adjust(question, ours, adjusted)
                if found is not None and found != adjusted:
                    used[rule.name] += 1
                    adjusted = found
        if adjusted != ours:
            differences.append(f"{question}\nrrdns: {ours}\n{server}: {theirs}\n")
    shown = "\n".join(differences[:_SHOWN])
    assert not differences, f"{len(differences)} differences from {server}, such as\n{shown}"
    # A rule that nothing needs is a difference that is gone: it has to go too.
    assert set(used) == {rule.name for rule in RULES if server in rule.servers}


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_each_rule_is_explained(name: str) -> None:
    assert f"| {name} |" in _CONFORMANCE.read_text()
