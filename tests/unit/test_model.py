"""What the model's values derive from themselves."""

import pytest
from support.dns_worlds import contents, host, member, snapshot, soa

from rrdns.model import Choice, Contents, Host, Selection, Zone
from rrdns.names import from_text
from rrdns.rrtypes import AAAA, A
from rrdns.settings import Config, Endpoint, Limits, ServerSettings
from rrdns.targets import (
    Check,
    Family,
    Health,
    ProbeResult,
    ProbeSettings,
    Reason,
    Target,
    TargetKey,
)


def test_a_target_knows_its_family_and_octets() -> None:
    ipv4 = Target("192.0.2.1", ProbeSettings(port=2525, check=Check.TCP))
    ipv6 = Target("2001:db8::1", ProbeSettings())
    assert ipv4.key == TargetKey("192.0.2.1", 2525, Check.TCP)
    assert (ipv4.family, ipv6.family) == (Family.IPV4, Family.IPV6)
    assert (Family.IPV4.rrtype, Family.IPV6.rrtype) == (A, AAAA)
    assert ipv4.packed == bytes([192, 0, 2, 1])
    assert ipv6.packed == bytes.fromhex("20010db8000000000000000000000001")


def test_only_ok_passes() -> None:
    assert [reason for reason in Reason if ProbeResult(reason).ok] == [Reason.OK]


def test_a_host_keeps_its_families_apart_and_in_order() -> None:
    found = host("mx1.test.", "192.0.2.2", "2001:db8::1", "192.0.2.1")
    assert [each.target.address for each in found.considered(Family.IPV4)] == [
        "192.0.2.2",
        "192.0.2.1",
    ]
    assert [each.target.address for each in found.considered(Family.IPV6)] == ["2001:db8::1"]


def test_a_selection_lists_what_is_in() -> None:
    one, two = member("a", "192.0.2.1"), member("b", "192.0.2.2")
    selection = Selection(
        host("mx1.test."),
        Family.IPV4,
        (Choice(one, Health.DOWN, False, "down"), Choice(two, Health.UP, True, "healthy")),
        failopen=False,
        degraded=False,
    )
    assert selection.selected == (two,)


@pytest.mark.parametrize(("ttl", "minimum", "negative"), [(3600, 60, 60), (30, 60, 30), (5, 5, 5)])
def test_the_ttl_of_negative_answers(ttl: int, minimum: int, negative: int) -> None:
    assert soa(ttl, minimum).negative_ttl_seconds == negative


def test_names_that_exist_include_those_between() -> None:
    found = contents("a.b.c A 192.0.2.1", "test.", {"x.y": host("x.y.test.", "192.0.2.1")})
    assert found.prefixes == {b"", b"\1c", b"\1b\1c", b"\1a\1b\1c", b"\1y", b"\1x\1y"}
    assert Contents(soa(), {}).prefixes == {b""}


def test_only_ns_below_the_apex_is_a_delegation() -> None:
    assert contents("www A 192.0.2.1", "test.").cuts == frozenset()
    assert contents("sub NS ns.other.test.", "test.").cuts == {b"\3sub"}


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("www A 192.0.2.1", False),
        ("* A 192.0.2.1", True),
        ("a.*.b A 192.0.2.1", True),
        ("*a A 192.0.2.1", False),
    ],
)
def test_wildcards(text: str, has: bool) -> None:
    assert contents(text, "test.").has_wildcards is has


def test_an_endpoint_is_written_as_in_the_configuration() -> None:
    assert str(Endpoint("127.0.0.1", 53)) == "127.0.0.1:53"
    assert str(Endpoint("::1", 53)) == "[::1]:53"


def test_a_configuration_lists_hosts_and_each_target_once() -> None:
    one, two = host("a.test.", "192.0.2.1", "192.0.2.2"), host("b.test.", "192.0.2.2")
    config = Config(
        path="/f",
        sha256="",
        server=ServerSettings((), None, "/s"),
        limits=Limits(),
        probe_concurrency=1,
        nodes=(),
        zones={
            from_text("test."): Zone(
                from_text("test."), contents("", "test.", {"a": one, "b": two})
            )
        },
        profiles={},
        domains={},
    )
    assert list(config.hosts()) == [one, two]
    assert [target.address for target in config.targets] == ["192.0.2.1", "192.0.2.2"]
    users = {key.address: users for key, users in config.used_by.items()}
    assert users == {
        "192.0.2.1": _users(one, "192.0.2.1"),
        "192.0.2.2": f"{_users(one, '192.0.2.2')},{_users(two, '192.0.2.2')}",
    }


def _users(of: Host, address: str) -> str:
    [member] = [member for member in of.members if member.target.address == address]
    return f"{member.node}/{member.role}"


def test_a_world_answers_with_every_address() -> None:
    found = snapshot({"test.": contents("", "test.", {"a": host("a.test.", "192.0.2.1")})})
    assert found.answers[from_text("a.test."), A].variants == ((bytes([192, 0, 2, 1]),),)
    assert found.answers[from_text("a.test."), AAAA].variants == ()
