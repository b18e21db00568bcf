from support.web_views import MONOTONIC_NOW, UNIX_NOW, cluster, host, make_view, member

from rrdns.targets import Family, Health
from rrdns.web.view import in_rotation, selections, uses


def test_each_use_of_a_target_is_listed_once() -> None:
    found = [use.labels for use in uses(cluster().config)]
    assert found == [
        ("server1", "primary", "192.0.2.11", "25"),
        ("server2", "primary", "192.0.2.21", "25"),
        ("server2", "primary", "2001:db8::21", "25"),
        ("mx4.example.com", "address", "192.0.2.11", "25"),
        ("mx4.example.com", "address", "203.0.113.10", "2525"),
    ]


def test_hosts_are_listed_in_the_families_in_which_they_have_addresses() -> None:
    found = [(one.name, selection.family) for one, selection in selections(cluster())]
    assert found == [
        (b"\x03mx1\x07example\x03com\x00", Family.IPV4),
        (b"\x03mx1\x07example\x03com\x00", Family.IPV6),
        (b"\x03mx2\x07example\x03com\x00", Family.IPV4),
        (b"\x03mx4\x07example\x03com\x00", Family.IPV4),
    ]


def test_a_use_is_in_rotation_when_any_of_its_hosts_answers_with_it() -> None:
    shared = member("server1", "primary", "192.0.2.11")
    view = make_view(
        host("mx1.example.com.", shared, member("server2", "primary", "192.0.2.21")),
        host("mx2.example.com.", shared),
        out={"192.0.2.21": Health.DOWN},
    )
    assert [use.node for use in in_rotation(view)] == ["server1"]


def test_one_address_under_two_roles_of_a_host_is_in_rotation_under_both() -> None:
    members = (
        member("server1", "primary", "192.0.2.11"),
        member("server1", "secondary", "192.0.2.11"),
    )
    view = make_view(host("mx1.example.com.", *members))
    assert {use.role for use in in_rotation(view)} == {"primary", "secondary"}


def test_times_of_the_scheduler_become_unix_seconds() -> None:
    assert cluster().unix(MONOTONIC_NOW - 5) == UNIX_NOW - 5
