import logging
from dataclasses import replace

import pytest
from support.tables import TCP4, UDP4, UDP6, ask, configure, expected, opt, rcode

from rrdns.names import Name
from rrdns.rrtypes import BADVERS, FORMERR, NOERROR, NXDOMAIN, SERVFAIL
from rrdns.server import misses as misses_module
from rrdns.server.misses import Misses
from rrdns.table.snapshot import make_snapshot

SNAPSHOT = make_snapshot(configure(), {})


def still(_host: Name, _rrtype: int) -> int:
    return 0


def test_answers_as_the_responder_does_and_counts() -> None:
    misses = Misses(SNAPSHOT, still)
    packets = [ask("mx1.example.com."), ask("q.example.com.", "MX"), ask("mx1.example.com.")]
    for slot, packet in zip((UDP4, UDP6, UDP4), packets, strict=True):
        assert misses.answer(packet, slot) == expected(packet, SNAPSHOT, slot)
    assert misses.count == 3
    assert misses.answered == {("A", NOERROR, UDP4): 2, ("MX", NXDOMAIN, UDP6): 1}
    assert not misses.dropped


def test_silence_is_counted_by_its_reason() -> None:
    misses = Misses(SNAPSHOT, still)
    assert misses.answer(b"", UDP4) is None
    assert misses.answer(b"q" * 11, UDP4) is None
    assert misses.answer(ask("mx1.example.com.", flags=0x8000), TCP4) is None
    assert misses.dropped == {"short": 2, "response": 1}
    assert not misses.answered


def test_malformed_queries_are_counted_as_other() -> None:
    misses = Misses(SNAPSHOT, still)
    assert rcode(misses.answer(ask(b"\xc0\x0c"), UDP4)) == FORMERR
    assert misses.answered == {("other", FORMERR, UDP4): 1}


def test_an_extended_rcode_is_counted_whole() -> None:
    misses = Misses(SNAPSHOT, still)
    version1 = opt()[:6] + b"\1" + opt()[7:]
    misses.answer(ask("mx1.example.com.", tail=version1), UDP4)
    assert misses.answered == {("A", BADVERS, UDP4): 1}


def test_truncated_replies_are_counted() -> None:
    default = SNAPSHOT.profiles["default"]
    rrsets = dict(default.contents.rrsets[b""])
    rrsets[15] = replace(rrsets[15], rdatas=tuple(b"\0\12\2%02d\0" % n for n in range(60)))
    contents = replace(default.contents, rrsets={b"": rrsets})
    snapshot = replace(SNAPSHOT, domains={b"\1d\0": replace(default, contents=contents)})
    misses = Misses(snapshot, still)
    misses.answer(ask(b"\1d\0", "MX"), UDP4)
    misses.answer(ask(b"\1d\0", "MX"), TCP4)
    assert misses.truncated == 1


def test_a_fault_is_servfail_and_one_report_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_host: Name, _rrtype: int) -> int:
        raise RuntimeError("a fault of ours")

    misses = Misses(SNAPSHOT, broken)
    packet = ask("mx1.example.com.")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            reply = misses.answer(packet, UDP4)
            assert rcode(reply) == SERVFAIL
    assert misses.answered == {("A", SERVFAIL, UDP4): 3}
    # An OPT answers an OPT in a failure too.
    reply = misses.answer(ask("mx1.example.com.", tail=opt(flags=0x8000)), UDP4)
    assert reply is not None
    assert reply.endswith(opt(SNAPSHOT.udp_payload, flags=0x8000))
    assert reply[10:12] == b"\0\1"
    assert len(caplog.records) == 1
    assert packet.hex() in caplog.text
    assert "a fault of ours" in caplog.text
    monkeypatch.setattr(misses_module, "_COMPLAINT_SECONDS", 0.0)
    misses.answer(packet, UDP4)
    assert len(caplog.records) == 2
