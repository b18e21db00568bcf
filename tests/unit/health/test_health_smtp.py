"""The SMTP dialogue: one list of conversations, run whole and one byte at a time."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.smtp_cases import CASES, EARLY, Case
from support.smtp_cases_deep import DEEP, DEEP_EARLY, FAILED, SECURED

from rrdns.health.smtp import (
    Dialogue,
    Event,
    Finished,
    Handshake,
    Judged,
    Received,
    Send,
    printable,
)
from rrdns.targets import Check


def whole(case: Case) -> Iterator[bytes]:
    yield from case.turns


def bytewise(case: Case) -> Iterator[bytes]:
    for turn in case.turns:
        if turn in (SECURED, FAILED):
            yield turn
        else:
            yield from (turn[index : index + 1] for index in range(len(turn) or 1))


def run(check: Check, chunks: Iterable[bytes]) -> tuple[list[Event], Dialogue]:
    dialogue = Dialogue(check, "probe.test", "postmaster@customer.test")
    events: list[Event] = []
    for chunk in chunks:
        new = feed(dialogue, chunk)
        assert sum(isinstance(event, Send) for event in new) <= 1
        events += new
    return events, dialogue


def feed(dialogue: Dialogue, chunk: bytes) -> list[Event]:
    if chunk == SECURED:
        return dialogue.tls_established()
    if chunk == FAILED:
        return dialogue.tls_failed("no shared cipher")
    return dialogue.receive(chunk) if chunk else dialogue.receive_eof()


def verify(case: Case, events: list[Event], dialogue: Dialogue) -> None:
    judged = [event for event in events if isinstance(event, Judged)]
    assert judged == ([] if case.result is None else [Judged(case.result, case.detail)])
    said = [event.data for event in events if isinstance(event, Send)]
    assert said == [command.encode() + b"\r\n" for command in case.said]
    assert events.count(Finished()) == case.finished
    assert dialogue.finished is case.finished
    # A handshake is asked for exactly where one came to something.
    asked = sum(isinstance(event, Handshake) for event in events)
    assert asked == any(turn in (SECURED, FAILED) for turn in case.turns)
    if case.finished:
        assert events[-1] == Finished()
        assert (dialogue.receive(b"250 more\r\n"), dialogue.receive_eof()) == ([], [])


@pytest.mark.parametrize("case", CASES + EARLY + DEEP + DEEP_EARLY, ids=lambda case: case.name)
def test_whole(case: Case) -> None:
    verify(case, *run(case.check, whole(case)))


@pytest.mark.parametrize("case", CASES + DEEP, ids=lambda case: case.name)
def test_one_byte_at_a_time(case: Case) -> None:
    verify(case, *run(case.check, bytewise(case)))


def test_phases() -> None:
    dialogue = Dialogue(Check.EHLO, "probe.test")
    phases = [dialogue.phase]
    for chunk in (b"220 a\r\n", b"500 a\r\n", b"250 a\r\n", b"221 a\r\n"):
        dialogue.receive(chunk)
        phases.append(dialogue.phase)
    assert phases == ["banner", "ehlo", "ehlo", "quit", "quit"]


def test_phases_of_starttls() -> None:
    dialogue = Dialogue(Check.STARTTLS, "probe.test")
    phases = []
    for chunk in (b"220 a\r\n", b"250-a\r\n250 STARTTLS\r\n", b"220 a\r\n", SECURED, b"250 a\r\n"):
        feed(dialogue, chunk)
        phases.append(dialogue.phase)
    assert phases == ["ehlo", "starttls", "tls", "ehlo", "quit"]


def test_phases_of_rcpt() -> None:
    dialogue = Dialogue(Check.RCPT, "probe.test", "a@b.test")
    phases: list[str] = []
    for _ in range(6):
        dialogue.receive(b"220 a\r\n" if not phases else b"250 a\r\n")
        phases.append(dialogue.phase)
    assert phases == ["ehlo", "mail", "rcpt", "quit", "quit", "quit"]


def test_every_line_is_told_for_the_transcript() -> None:
    events, _ = run(Check.EHLO, [b"220-a\r\n220 \x1b[2Jb\n", b"250 c\r\n", b"221 d\r\n"])
    lines = [event.text for event in events if isinstance(event, Received)]
    assert lines == ["220-a", "220 ?[2Jb", "250 c", "221 d"]


def test_a_helo_never_breaks_the_line() -> None:
    events, _ = run(Check.EHLO, [b"220 a\r\n"])
    assert events[-1] == Send(b"EHLO probe.test\r\n")
    dialogue = Dialogue(Check.EHLO, "mün.test")
    assert dialogue.receive(b"220 a\r\n")[-1] == Send(b"EHLO m?n.test\r\n")


@pytest.mark.parametrize("check", [Check.NONE, Check.TCP])
def test_a_check_without_a_dialogue(check: Check) -> None:
    with pytest.raises(KeyError):
        Dialogue(check, "probe.test")


@pytest.mark.parametrize(
    ("line", "text"),
    [(b"", ""), (b" a\tb ", "a b"), (b"a\r\nb", "a"), (b"x" * 300, "x" * 200), (b"\x7f\x80", "??")],
)
def test_printable(line: bytes, text: str) -> None:
    assert printable(line) == text


DEPTHS = [Check.BANNER, Check.EHLO, Check.STARTTLS, Check.RCPT]
PIECES = st.sampled_from(
    [
        b"220 a\r\n",
        b"220-a\r\n",
        b"250 b\n",
        b"250-STARTTLS\r\n",
        b"421 c\r\n",
        b"500 d\r\n",
        b"\r",
        b"\n",
        b"-",
        b"x" * 999,
    ]
) | st.binary(max_size=40)


@given(st.lists(PIECES, max_size=40), st.sampled_from(DEPTHS), st.booleans())
def test_arbitrary_bytes_never_raise(chunks: list[bytes], check: Check, secures: bool) -> None:
    dialogue = Dialogue(check, "probe.test", "a@b.test")
    verdicts = 0
    for chunk in [*chunks, b"x" * 70_000]:
        events = dialogue.receive(chunk)
        if events and events[-1] == Handshake():
            events += feed(dialogue, SECURED if secures else FAILED)
        for event in events:
            verdicts += isinstance(event, Judged)
            if isinstance(event, Send):
                assert event.data.endswith(b"\r\n")
                assert event.data.count(b"\n") == 1
            if isinstance(event, Received):
                assert event.text.isprintable()
    assert dialogue.finished or verdicts == 1
    dialogue.receive_eof()
    assert dialogue.finished
    assert verdicts == 1
