"""The golden cases against the responder and against the table."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.executors import Maker

from golden.case import CLIENT, Case, check
from golden.cases import CASES
from golden.options import OPTIONS
from rrdns.dns.lookup import Rotation
from rrdns.dns.options import Asker, Transport
from rrdns.dns.responder import respond
from rrdns.model import Snapshot
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.table import SLOTS, Table

TRANSPORTS = pytest.mark.parametrize("transport", list(Transport))
# Of the minute, as cookies are.
NOW = 1_700_000_040
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
        asker = Asker(transport, CLIENT, NOW)
        reply = respond(case.sent(NOW), golden_snapshot, asker, rotation=at(index))
        check(case, reply, tcp=transport is Transport.TCP, unix_now=NOW)


@TRANSPORTS
@EACH_CASE
def test_the_table_has_the_responders_bytes(
    make_executor: Maker,
    golden_snapshot: Snapshot,
    golden_table: Table,
    case: Case,
    transport: Transport,
) -> None:
    executor = make_executor(golden_table)
    executor.set_time(NOW + 30)
    slot = SLOTS.index((str(transport), "ipv4"))
    sent, asker = case.sent(NOW), Asker(transport, CLIENT, NOW)
    for index in range(4):
        reply = executor.execute(sent, slot, CLIENT)
        # The compiled one also knows names with zero octets in their labels.
        assert reply is not None or not case.hit
        assert reply is None or case.hit or not isinstance(executor, PythonExecutor)
        if reply is not None:
            assert reply == respond(sent, golden_snapshot, asker, rotation=at(index))


@TRANSPORTS
@pytest.mark.parametrize("case", OPTIONS, ids=[case.name for case in OPTIONS])
def test_nothing_is_told_that_is_not_configured(
    golden_snapshot: Snapshot, case: Case, transport: Transport
) -> None:
    silent = replace(golden_snapshot, identity=None, version=None, cookie_secrets=())
    reply = respond(case.sent(NOW), silent, Asker(transport, CLIENT, NOW), rotation=at(0))
    untold = replace(case, options=())
    if case.name.startswith("CH ") and "status" not in case.name:
        untold = replace(untold, rcode="REFUSED", aa=False, answer=())
    check(untold, reply, tcp=transport is Transport.TCP, unix_now=NOW)


def test_every_name_is_asked_about_once() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 700


@pytest.mark.parametrize("ask_again", [lambda packet: packet, bytes.upper], ids=["same", "upper"])
def test_a_plan_that_is_remembered_answers_alike(
    make_executor: Maker,
    golden_snapshot: Snapshot,
    golden_table: Table,
    ask_again: Callable[[bytes], bytes],
) -> None:
    # One executor for all cases: what it keeps of one packet must not colour the next.
    executor = make_executor(golden_table)
    executor.set_time(NOW)
    asker = Asker(Transport.UDP, CLIENT, NOW)
    turns: dict[tuple[bytes, int], int] = {}

    def rotation(host: bytes, rrtype: int) -> int:
        turns[host, rrtype] = turns.get((host, rrtype), -1) + 1
        return turns[host, rrtype]

    for case in (*CASES, *reversed(CASES)):
        whole = case.sent(NOW)
        end = len(whole) - 4
        sent = whole[:12] + ask_again(whole[12:end]) + whole[end:]
        reply = executor.execute(sent, 0, CLIENT)
        if reply is not None:
            assert reply == respond(sent, golden_snapshot, asker, rotation=rotation)
        else:
            # A miss steps the executor's own rotation.
            respond(sent, golden_snapshot, asker, rotation=executor.turn)
            respond(sent, golden_snapshot, asker, rotation=rotation)
