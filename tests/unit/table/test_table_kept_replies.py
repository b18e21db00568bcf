"""Replies that are kept whole: they rotate, count and end like those put together anew."""

from dataclasses import replace

import pytest
from support.executors import Maker
from support.tables import (
    TCP4,
    UDP4,
    UDP6,
    ask,
    configure,
    expected,
    first_address,
    opt,
)

from rrdns.dns.options import Asker, Transport
from rrdns.dns.responder import respond
from rrdns.names import from_text
from rrdns.rrtypes import MX, NOERROR
from rrdns.table import executor as executor_module
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.snapshot import make_snapshot

CONFIG = configure()
SNAPSHOT = make_snapshot(CONFIG, {})
TABLE = compile_table(SNAPSHOT, 1)


def kept(executor: PythonExecutor, slot: int) -> int:
    return len(executor._known[slot])


@pytest.mark.parametrize("tail", [b"", opt(1232), opt(4096, flags=0x8000)])
@pytest.mark.parametrize("name", ["mx1.example.com.", "mx3.example.com."])
def test_rotation_goes_on_through_them(name: str, tail: bytes) -> None:
    executor = PythonExecutor(TABLE)
    packet = ask(name, tail=tail)
    for turn in range(7):
        assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT, turn=turn)
    assert kept(executor, UDP4) == 1
    assert executor.answered() == {("A", NOERROR, UDP4): 7}
    leads = sorted(count for count in executor.leads().values() if count)
    assert leads == [2, 2, 3]


def test_only_the_id_may_differ() -> None:
    executor = PythonExecutor(TABLE)
    for ident in range(5):
        packet = ask("customer.test.", "MX", ident=ident)
        assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT)
    assert kept(executor, UDP4) == 1
    for flags in (0x0100, 0x0010, 0x0120):
        packet = ask("customer.test.", "MX", flags=flags)
        for _ in range(3):
            assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT)
    assert kept(executor, UDP4) == 4


def test_mixed_case_is_not_kept_and_keeps_its_case() -> None:
    executor = PythonExecutor(TABLE)
    packet = ask(b"\3Mx1\7eXample\3COM\0")
    for turn in range(4):
        assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT, turn=turn)
    assert kept(executor, UDP4) == 0


def test_transports_and_families_are_apart() -> None:
    executor = PythonExecutor(TABLE)
    packet = ask("customer.test.", "MX")
    for _ in range(3):
        for slot in (UDP4, UDP6, TCP4):
            assert executor.execute(packet, slot) == expected(packet, SNAPSHOT, slot)
    assert executor.answered() == {("MX", NOERROR, slot): 3 for slot in (UDP4, UDP6, TCP4)}
    assert kept(executor, UDP4) == kept(executor, UDP6) == kept(executor, TCP4) == 1


def test_options_of_a_client_are_not_kept() -> None:
    executor = PythonExecutor(TABLE)
    packet = ask("mx1.example.com.", tail=opt(options=b"\0\x0a\0\x08cookie!!"))
    for turn in range(3):
        assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT, turn=turn)
    assert kept(executor, UDP4) == 0


def test_a_publish_ends_them() -> None:
    executor = PythonExecutor(TABLE)
    packet = ask("mx1.example.com.")
    leads = [first_address(executor.execute(packet, UDP4)) for _ in range(3)]
    answers = dict(SNAPSHOT.answers)
    for key, answer in answers.items():
        answers[key] = replace(answer, variants=answer.variants[:1])
    executor.adopt(compile_table(replace(SNAPSHOT, answers=answers), 2, TABLE))
    assert kept(executor, UDP4) == 0
    assert [first_address(executor.execute(packet, UDP4)) for _ in range(3)] == leads[:1] * 3


def test_their_number_and_size_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "_MAX_KEPT", 3)
    executor = PythonExecutor(TABLE)
    for rrtype in ("A", "AAAA"):
        for name in ("mx1", "mx2", "mx3"):
            for _ in range(2):
                executor.execute(ask(f"{name}.example.com.", rrtype), UDP4)
            assert kept(executor, UDP4) <= 3
    monkeypatch.setattr(executor_module, "_MAX_KEPT_OCTETS", 10)
    executor = PythonExecutor(TABLE)
    for turn in range(3):
        packet = ask("mx1.example.com.")
        assert executor.execute(packet, UDP4) == expected(packet, SNAPSHOT, turn=turn)
    assert kept(executor, UDP4) == 0


def test_a_reply_over_ipv6_fits_the_minimum_mtu_whatever_the_payload(
    make_executor: Maker,
) -> None:
    profile = SNAPSHOT.profiles["default"]
    rrsets = dict(profile.contents.rrsets[b""])
    rrsets[MX] = replace(rrsets[MX], rdatas=tuple(b"\0\12\2%02d\0" % n for n in range(90)))
    contents = replace(profile.contents, rrsets={b"": rrsets})
    domains = {from_text("customer.test."): replace(profile, contents=contents)}
    profiles = {"default": domains[from_text("customer.test.")]}
    snapshot = replace(SNAPSHOT, udp_payload=4096, profiles=profiles, domains=domains)
    executor = make_executor(compile_table(snapshot, 1))
    packet = ask("customer.test.", "MX", tail=opt(4096))
    clients = ((UDP4, bytes(4), 1232, 4096), (UDP6, bytes(16), 0, 1232))
    for _ in range(3):
        for slot, client, least, most in clients:
            reply = executor.execute(packet, slot, client)
            asker = Asker(Transport.UDP, client)
            assert reply == respond(packet, snapshot, asker, rotation=lambda _host, _rrtype: 0)
            assert reply is not None
            assert least < len(reply) <= most
