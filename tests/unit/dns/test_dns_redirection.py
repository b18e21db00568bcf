"""DNAME (RFC 6672) and the addresses that stand beside a referral."""

import pytest
from support.executors import Maker
from support.tables import UDP4, ask, expected, opt, snapshot_of

from rrdns.dns.explain import explain
from rrdns.dns.lookup import Kind, Outcome, lookup
from rrdns.model import Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import YXDOMAIN, type_number, type_text
from rrdns.table.compiler import compile_table

_LONG = ".".join(["z" * 60] * 2)
CONFIGURATION = f"""\
server: {{listen: ["127.0.0.1:5399"], http: null, control: c.sock, state_directory: null}}
nodes: {{server1: {{primary: 192.0.2.11}}}}
zones:
  example.com:
    nameservers: {{ns1: 198.51.100.53, ns2: 203.0.113.53}}
    records:
      old:
        - {{type: DNAME, ttl: 300, value: new}}
        - {{type: TXT, value: stays}}
      www.new: {{type: A, value: 192.0.2.80}}
      older: {{type: DNAME, value: old}}
      alias: {{type: CNAME, value: www.old.example.com.}}
      away: {{type: DNAME, value: elsewhere.test.}}
      long: {{type: DNAME, value: {_LONG}}}
      "*.wild": {{type: A, value: 192.0.2.81}}
      cut:
        type: NS
        values:
          - ns.wild.example.com.
          - ns.none.example.com.
          - ns.cut.example.com.
          - ns.othercut.example.com.
      ns.cut: {{type: A, value: 192.0.2.82}}
      othercut: {{type: NS, value: ns1}}
      "*.othercut": {{type: A, value: 192.0.2.83}}
  plain.test:
    nameservers: {{ns1.example.com.: []}}
    records:
      old: {{type: DNAME, value: new.plain.test.}}
profiles:
  moved:
    nameservers: [ns1.example.com.]
    mx: none
    records: {{old: {{type: DNAME, value: new.example.com.}}}}
domains:
  - {{profile: moved, names: [customer.test]}}
"""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(CONFIGURATION)


def _lookup(snapshot: Snapshot, name: str, rrtype: str) -> Outcome:
    return lookup(snapshot, from_text(name), type_number(rrtype), lambda _host, _rrtype: 0)


def _answer(outcome: Outcome) -> list[tuple[bytes, str, int]]:
    return [
        (record.owner, type_text(record.rrtype), record.ttl_seconds) for record in outcome.answer
    ]


_REDIRECTED = [
    (from_text("old.example.com."), "DNAME", 300),
    (from_text("www.old.example.com."), "CNAME", 300),
]
_END = (from_text("www.new.example.com."), "A", 3600)


@pytest.mark.parametrize(
    ("name", "rrtype", "answer"),
    [
        ("www.old.example.com.", "A", [*_REDIRECTED, _END]),
        ("www.old.example.com.", "ANY", [*_REDIRECTED, _END]),
        # The synthesised CNAME is what was asked for.
        ("www.old.example.com.", "CNAME", _REDIRECTED),
        ("alias.example.com.", "A", [(from_text("alias.example.com."), "CNAME", 3600),
                                     *_REDIRECTED, _END]),
        ("www.older.example.com.", "A", [
            (from_text("older.example.com."), "DNAME", 3600),
            (from_text("www.older.example.com."), "CNAME", 3600), *_REDIRECTED, _END]),
        # The owner itself is not redirected (RFC 6672, section 2.3).
        ("old.example.com.", "DNAME", [(from_text("old.example.com."), "DNAME", 300)]),
        ("old.example.com.", "TXT", [(from_text("old.example.com."), "TXT", 3600)]),
        ("x.away.example.com.", "A", [
            (from_text("away.example.com."), "DNAME", 3600),
            (from_text("x.away.example.com."), "CNAME", 3600)]),
    ],
)  # fmt: skip
def test_names_below_are_redirected(
    snapshot: Snapshot, name: str, rrtype: str, answer: list[tuple[bytes, str, int]]
) -> None:
    outcome = _lookup(snapshot, name, rrtype)
    assert outcome.kind is Kind.ANSWER
    assert _answer(outcome) == answer


def test_what_a_redirection_leads_to_decides(snapshot: Snapshot) -> None:
    outcome = _lookup(snapshot, "nothere.old.example.com.", "A")
    assert outcome.kind is Kind.NXDOMAIN
    assert [record.rrtype for record in outcome.answer] == [39, 5]
    assert _lookup(snapshot, "old.example.com.", "A").kind is Kind.NODATA


def test_a_dname_that_redirects_a_chain_twice_stands_once(snapshot: Snapshot) -> None:
    changed = CONFIGURATION.replace("value: elsewhere.test.", "value: x.away.example.com.")
    outcome = _lookup(snapshot_of(changed), "a.away.example.com.", "A")
    types = [type_text(record.rrtype) for record in outcome.answer]
    assert types == ["DNAME", *["CNAME"] * 17]


def test_too_long_a_name_is_yxdomain(snapshot: Snapshot) -> None:
    name = ".".join(["y" * 60] * 3) + ".long.example.com."
    outcome = _lookup(snapshot, name, "A")
    assert outcome.kind is Kind.YXDOMAIN
    assert [record.rrtype for record in outcome.answer] == [39]
    reply = expected(ask(name), snapshot)
    assert reply is not None
    assert reply[3] & 15 == YXDOMAIN
    assert explain(snapshot, from_text(name), 1).rcode == "YXDOMAIN"


@pytest.mark.parametrize(
    "name",
    [
        *("old.example.com.", "www.old.example.com.", "x.www.old.example.com.", "new.example.com."),
        *("old.plain.test.", "x.old.plain.test.", "new.plain.test.", "x.plain.test."),
        *("old.customer.test.", "www.old.customer.test.", "x.customer.test."),
    ],
)
@pytest.mark.parametrize("rrtype", ["A", "TXT", "DNAME", "CNAME", "ANY"])
def test_the_table_says_what_the_responder_says(
    make_executor: Maker, snapshot: Snapshot, name: str, rrtype: str
) -> None:
    executor = make_executor(compile_table(snapshot, 1))
    for tail in (b"", opt()):
        packet = ask(name, rrtype, tail=tail)
        assert executor.execute(packet, UDP4) in (None, expected(packet, snapshot))


def test_a_referral_has_the_addresses_that_are_available(snapshot: Snapshot) -> None:
    outcome = _lookup(snapshot, "x.cut.example.com.", "A")
    assert outcome.kind is Kind.REFERRAL
    # One from a wildcard and one of glue; nothing is synthesised below the other delegation.
    assert [(record.owner, record.rdata) for record in outcome.additional] == [
        (from_text("ns.wild.example.com."), bytes([192, 0, 2, 81])),
        (from_text("ns.cut.example.com."), bytes([192, 0, 2, 82])),
    ]
