"""What the tests lean on: a missing program is never passed over in silence under CI."""

import pytest
from support.asking import parse
from support.ports import free_port
from support.programs import require_program
from support.waiting import wait_until


def test_a_missing_program_skips_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install nothere"):
        require_program("nothere")


def test_a_missing_program_fails_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="nothere is not installed here"):
        require_program("nothere")


def test_waiting_ends_with_what_was_waited_for() -> None:
    values = iter([0, 0, 7])
    assert wait_until(lambda: next(values), 5, "a seven", pause_seconds=0) == 7
    with pytest.raises(AssertionError, match=r"a miracle: not within 0.01 s \(last: 0\)"):
        wait_until(lambda: 0, 0.01, "a miracle", pause_seconds=0)


def test_a_free_port_is_one() -> None:
    assert 0 < free_port() < 65536


def test_digs_output_is_read() -> None:
    reply = parse(
        ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n"
        ";; flags: qr aa; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0\n\n"
        ';; ANSWER SECTION:\na.test.\t\t60\tIN\tTXT\t"two words"\n\n;; Query time: 0 msec\n'
    )
    assert (reply.status, reply.flags) == ("NOERROR", frozenset({"qr", "aa"}))
    assert reply.answers == (("a.test.", 60, "TXT", '"two words"'),)
    assert reply.authority == ()
