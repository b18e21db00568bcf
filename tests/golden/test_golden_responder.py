"""The golden cases against the responder and against the table."""

from collections.abc import Callable

import pytest

from golden.case import Case, check
from golden.cases import CASES
from rrdns.dns.lookup import Rotation
from rrdns.dns.options import Asker, Transport
from rrdns.dns.responder import respond
from rrdns.model import Snapshot
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.table import SLOTS, Table

TRANSPORTS = pytest.mark.parametrize("transport", list(Transport))
EACH_CASE = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def at(index: int) -> Rotation:
    """Return a rotation that stands still."""
    return lambda _host, _rrtype: index


@pytest.fixture(scope="module")
def golden_table(golden_snapshot: Snapshot) -> Table:
    return compile_table(golden_snapshot, 1)


@TRANSPORTS
@EACH_CASE
def test_the_responder_answers(golden_snapshot: Snapshot, case: Case, transport: Transport) -> None:
    for index in range(3):
        reply = respond(case.packet, golden_snapshot, Asker(transport), rotation=at(index))
        check(case, reply, tcp=transport is Transport.TCP)


@TRANSPORTS
@EACH_CASE
def test_the_table_has_the_responders_bytes(
    golden_snapshot: Snapshot, golden_table: Table, case: Case, transport: Transport
) -> None:
    executor = PythonExecutor(golden_table)
    slot = SLOTS.index((str(transport), "ipv4"))
    for index in range(4):
        reply = executor.execute(case.packet, slot)
        assert (reply is not None) == case.hit
        if reply is not None:
            assert reply == respond(
                case.packet, golden_snapshot, Asker(transport), rotation=at(index)
            )


def test_every_name_is_asked_about_once() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 200


@pytest.mark.parametrize("ask_again", [lambda packet: packet, bytes.upper], ids=["same", "upper"])
def test_a_plan_that_is_remembered_answers_alike(
    golden_snapshot: Snapshot, golden_table: Table, ask_again: Callable[[bytes], bytes]
) -> None:
    # One executor for all cases: what it keeps of one packet must not colour the next.
    executor = PythonExecutor(golden_table)
    turns: dict[tuple[bytes, int], int] = {}

    def rotation(host: bytes, rrtype: int) -> int:
        turns[host, rrtype] = turns.get((host, rrtype), -1) + 1
        return turns[host, rrtype]

    for case in (*CASES, *reversed(CASES)):
        end = len(case.packet) - 4
        sent = case.packet[:12] + ask_again(case.packet[12:end]) + case.packet[end:]
        reply = executor.execute(sent, 0)
        if reply is not None:
            assert reply == respond(sent, golden_snapshot, Asker(Transport.UDP), rotation=rotation)
        else:
            # A miss steps the executor's own rotation.
            respond(sent, golden_snapshot, Asker(Transport.UDP), rotation=executor.turn)
            respond(sent, golden_snapshot, Asker(Transport.UDP), rotation=rotation)
