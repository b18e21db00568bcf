"""Class CH: identity, version and states, and who is told."""

import dataclasses

import pytest
from support.dns_worlds import contents, host, snapshot

from rrdns.dns.chaos import chaos
from rrdns.dns.message import Reply
from rrdns.dns.options import Asker, Transport
from rrdns.model import Snapshot
from rrdns.names import from_text
from rrdns.rrtypes import ANY, NOERROR, REFUSED, TXT, A
from rrdns.targets import Health, Override, Verdict

NEAR = Asker(Transport.UDP, bytes([127, 0, 0, 53]))
NEAR6 = Asker(Transport.UDP, bytes(15) + b"\1")
FAR = Asker(Transport.UDP, bytes([192, 0, 2, 1]))
FAR6 = Asker(Transport.UDP, bytes.fromhex("20010db8000000000000000000000001"))
NAMES = ("id.server.", "hostname.bind.", "version.server.", "version.bind.")


@pytest.fixture(scope="module")
def world() -> Snapshot:
    hosts = {
        "mx1": host("mx1.test.", "192.0.2.1", "2001:db8::1"),
        "mx2": host("mx2.test.", "192.0.2.1"),
    }
    return snapshot({"test.": contents("", "test.", hosts)})


def ask(world: Snapshot, name: str, rrtype: int = TXT, asker: Asker = FAR) -> Reply:
    return chaos(from_text(name), rrtype, world, asker)


def texts(reply: Reply) -> list[bytes]:
    assert reply.authoritative
    assert {(record.rrtype, record.ttl_seconds) for record in reply.answer} <= {(TXT, 0)}
    return [record.rdata for record in reply.answer]


@pytest.mark.parametrize("name", [*NAMES, "status.rrdns.", "other.bind.", "."])
def test_nothing_is_told_unasked(world: Snapshot, name: str) -> None:
    assert ask(world, name) == Reply(REFUSED)


@pytest.mark.parametrize("rrtype", [TXT, ANY])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_configured_is_told(world: Snapshot, name: str, rrtype: int) -> None:
    told = dataclasses.replace(world, identity=b"node", version=b"1.0")
    expected = b"\4node" if name in NAMES[:2] else b"\x031.0"
    reply = ask(told, name, rrtype)
    assert texts(reply) == [expected]
    assert [record.owner for record in reply.answer] == [from_text(name)]


def test_other_types_have_no_data(world: Snapshot) -> None:
    told = dataclasses.replace(world, identity=b"node")
    assert ask(told, "id.server.", A) == Reply(NOERROR, authoritative=True)
    assert ask(told, "version.bind.", A) == Reply(REFUSED)


@pytest.mark.parametrize(("octets", "lengths"), [(0, [0]), (255, [255]), (256, [255, 1])])
def test_long_texts_are_several_strings(world: Snapshot, octets: int, lengths: list[int]) -> None:
    told = dataclasses.replace(world, identity=b"i" * octets)
    (rdata,) = texts(ask(told, "id.server."))
    assert rdata == b"".join(bytes([length]) + b"i" * length for length in lengths)


@pytest.mark.parametrize("asker", [NEAR, NEAR6])
def test_states_are_told_to_this_machine(world: Snapshot, asker: Asker) -> None:
    found = texts(ask(world, "status.rrdns.", asker=asker))
    assert sorted(found) == [
        b"\x1anode0/primary 192.0.2.1 up",
        b"\x1cnode1/primary 2001:db8::1 up",
    ]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (Override(Verdict.DOWN, 1.0), b"down override"),
        (
            Override(Verdict.UP, 1.0, 1_764_000_000.4, "new disks"),
            b"up override until=1764000000 reason=new disks",
        ),
    ],
)
def test_overrides_are_told_beside_the_states(
    world: Snapshot, override: Override, words: bytes
) -> None:
    key = (from_text("mx1.test."), A)
    answer = world.answers[key]
    (choice,) = answer.selection.choices
    changed = dataclasses.replace(choice, health=Health(override.state), override=override)
    selection = dataclasses.replace(answer.selection, choices=(changed,))
    answers = {key: dataclasses.replace(answer, selection=selection)}
    (found,) = texts(ask(dataclasses.replace(world, answers=answers), "status.rrdns.", asker=NEAR))
    assert found[1:] == b"node0/primary 192.0.2.1 " + words


@pytest.mark.parametrize("asker", [FAR, FAR6])
def test_states_are_told_to_nobody_else(world: Snapshot, asker: Asker) -> None:
    assert ask(world, "status.rrdns.", asker=asker) == Reply(REFUSED)
