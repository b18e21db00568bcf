"""What the metrics tell of nodes: who is healthy, answered, overridden."""

from dataclasses import replace

from support.metrics_page import samples
from support.web_views import cluster, host, make_view, member

from rrdns.health.select import Overrides
from rrdns.targets import Override, Verdict

SERVER1 = 'node="server1",port="25",role="primary"'


def test_nodes() -> None:
    by_place = {
        f'address="192.0.2.11",{SERVER1}': 1,
        'address="192.0.2.21",node="server2",port="25",role="primary"': 0,
        'address="2001:db8::21",node="server2",port="25",role="primary"': 0,
        'address="192.0.2.11",node="mx4.example.com",port="25",role="address"': 1,
        'address="203.0.113.10",node="mx4.example.com",port="2525",role="address"': 1,
    }
    assert samples(cluster(), "rrdns_node_healthy") == by_place
    by_place['address="2001:db8::21",node="server2",port="25",role="primary"'] = 1
    assert samples(cluster(), "rrdns_node_in_rotation") == by_place
    assert samples(cluster(), "rrdns_node_override") == {}


def test_an_override_decides_who_is_healthy() -> None:
    overrides: Overrides = {
        ("server1", None): Override(Verdict.DOWN, 0.0),
        ("server2", "primary"): Override(Verdict.UP, 0.0),
    }
    view = replace(cluster(), overrides=overrides)
    server2 = 'node="server2",port="25",role="primary"'
    assert samples(view, "rrdns_node_override") == {
        f'address="192.0.2.11",{SERVER1},state="down"': 1,
        f'address="192.0.2.21",{server2},state="up"': 1,
        f'address="2001:db8::21",{server2},state="up"': 1,
    }
    healthy = samples(view, "rrdns_node_healthy")
    assert healthy[f'address="192.0.2.11",{SERVER1}'] == 0
    assert healthy[f'address="192.0.2.21",{server2}'] == 1


def test_a_target_without_a_state_counts_as_healthy() -> None:
    view = make_view(host("mx1.example.com.", member("server1", "primary", "192.0.2.11")))
    assert samples(view, "rrdns_node_healthy") == {f'address="192.0.2.11",{SERVER1}': 1}
