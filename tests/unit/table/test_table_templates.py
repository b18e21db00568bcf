"""Shared answers where there is nothing to share, or not all of it."""

import pytest
from support.dns_worlds import contents, host, snapshot
from support.tables import UDP4, ask, expected

from rrdns.model import Contents, Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import CNAME, DS, MX, NOERROR, NXDOMAIN, SOA, TXT, A
from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor
from rrdns.table.templates import absence, absent_type, is_cut_off, refused, types_at

CUT = contents("sub NS ns.other.test.\nunder.sub A 192.0.2.1\nre DNAME other.test.", "test.")


def world(zone: Contents) -> Snapshot:
    return snapshot({"test.": zone})


def compare(found: Snapshot, name: str, rrtype: str | int = "A") -> bytes | None:
    """Execute; what is said must be what the responder says."""
    packet = ask(name, rrtype)
    said = PythonExecutor(compile_table(found, 1)).execute(packet, UDP4)
    if said is not None:
        assert said == expected(packet, found)
    return said


@pytest.mark.parametrize(
    ("prefix", "cut_off"),
    [("", False), ("sub", True), ("under.sub", True), ("re", False), ("x.re", True),
     ("other", False)],
)  # fmt: skip
def test_what_is_cut_off(prefix: str, cut_off: bool) -> None:
    assert is_cut_off(CUT, from_text(prefix, b"") if prefix else b"") is cut_off


def test_the_types_of_a_name() -> None:
    zone = contents("mx1 TXT t\nwww CNAME mx1", "test.", {"mx1": host("mx1.test.", "192.0.2.1")})
    assert types_at(zone, b"") == {SOA, 2}
    assert types_at(zone, b"\3mx1") == {A, 28, TXT}
    assert types_at(zone, b"\3www") == {CNAME}
    assert types_at(zone, b"\4none") == set()


def test_a_type_that_is_absent() -> None:
    assert absent_type(set()) == 65534
    assert absent_type({65534, 65533, A, MX, DS}) == 65532


def test_refused_is_a_template() -> None:
    entry = refused()
    assert entry.template is not None
    assert entry.heads[0][1] & 15 == 5
    assert entry.template.at(200, 1) == b""


def test_a_wildcard_that_is_a_host_stays_with_the_responder() -> None:
    zone = contents("", "test.", {"*": host("*.test.", "192.0.2.1", "192.0.2.2")})
    found = world(zone)
    assert absence(zone, [(found, from_text("test."))]).wildcards == {b"": None}
    assert compare(found, "any.test.") is None
    reply = expected(ask("any.test."), found)
    assert reply is not None
    assert (reply[3] & 15, reply[7]) == (NOERROR, 2)


def test_a_zone_that_is_one_redirection_has_no_name_to_deny() -> None:
    zone = contents("@ DNAME other.test.", "test.")
    found = world(zone)
    assert absence(zone, [(found, from_text("test."))]).nxdomain is None
    assert compare(found, "any.test.") is None
    assert compare(found, "test.", TXT) is not None


def test_a_wildcard_below_a_delegation_is_nobody_s_answer() -> None:
    zone = contents("sub NS ns.other.test.\n*.sub A 192.0.2.1", "test.")
    found = world(zone)
    assert absence(zone, [(found, from_text("test."))]).wildcards == {}
    assert compare(found, "x.sub.test.") is None
    reply = compare(found, "x.test.")
    assert reply is not None
    assert reply[3] & 15 == NXDOMAIN


def test_an_answer_too_long_for_pointers_is_no_template() -> None:
    # Each exchange stands there twice, and the last ones beyond what a pointer can reach when the
    # question before them is the longest.
    mail = "\n".join(f"* MX {number} m{number // 2:04d}." for number in range(1000))
    found = world(contents(f"{mail}\n* TXT short", "test."))
    assert compare(found, "x.test.", MX) is None
    assert compare(found, "x.test.", TXT) is not None
    assert expected(ask("x.test.", MX), found) is not None
