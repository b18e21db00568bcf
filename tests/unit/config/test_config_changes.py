"""What a reload says that it changed."""

from dataclasses import fields
from pathlib import Path

import pytest

from rrdns.config.changes import LIVE_SETTINGS, changes, needs_restart
from rrdns.loading import load
from rrdns.settings import Config, ServerSettings

BASE = """\
server: {listen: "127.0.0.1:5399", control: control.sock, state_directory: null}
limits: {slip: 2}
health: {interval: 3s}
nodes:
  server1: {primary: 192.0.2.11}
  server2: {primary: 192.0.2.21}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts:
      mx1: {role: primary}
    records:
      www: {type: A, value: 192.0.2.80}
profiles:
  default: {nameservers: [ns1.example.com.], mx: [10 mx1.example.com.]}
  other: {nameservers: [ns1.example.com.], mx: [20 mx1.example.com.]}
domains:
  - {profile: default, names: [a.test, b.test, c.test]}
  - {profile: other, names: [d.test]}
"""


def config(directory: Path, text: str) -> Config:
    path = directory / "rrdns.yaml"
    path.write_text(text)
    return load(path).config


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3s", "3s", []),
        ("192.0.2.80", "192.0.2.81", ["zones: changed example.com."]),
        (
            "  server2: {primary: 192.0.2.21}\n",
            "  server3: {primary: 192.0.2.31}\n",
            ["nodes: added server3; removed server2", "hosts: changed mx1.example.com."],
        ),
        (
            "      mx1: {role: primary}\n",
            "      mx1: {role: primary, ttl: 30}\n      mx2: {role: primary}\n",
            ["hosts: added mx2.example.com.; changed mx1.example.com."],
        ),
        # A host before another one moves its rank, and that is nobody's business.
        (
            "      mx1: {role: primary}\n",
            "      mx0: {role: primary}\n      mx1: {role: primary}\n",
            ["hosts: added mx0.example.com."],
        ),
        ("[20 mx1", "[25 mx1", ["profiles: changed other"]),
        (
            "[a.test, b.test, c.test]}",
            "[a.test, b.test, x.test, y.test]}",
            ["domains: 2 added (x.test, y.test), 1 removed (c.test)"],
        ),
        (
            "c.test]}\n  - {profile: other, names: [d.test]}",
            "d.test]}\n  - {profile: other, names: [c.test]}",
            ["domains: 2 with another profile (d.test, c.test)"],
        ),
        (
            "names: [d.test]",
            "names: [d.test, e1.test, e2.test, e3.test, e4.test, e5.test, e6.test, e7.test]",
            ["domains: 7 added (e1.test, e2.test, e3.test, e4.test, e5.test and 2 more)"],
        ),
        (
            "limits: {slip: 2}",
            "limits: {slip: 3, tcp_idle_timeout: 5s}",
            ["limits: slip, tcp_idle_timeout changed"],
        ),
        ("{interval: 3s}", "{interval: 3s, concurrency: 9}", ["health: concurrency changed"]),
        (
            "server: {",
            "server: {identity: me, watch: true, ",
            ["server: identity, watch changed"],
        ),
        (
            "state_directory: null}",
            "state_directory: state, log: {level: debug}}",
            ["server: state_directory, log.level changed, which counts from the next start"],
        ),
    ],
)
def test_each_kind_of_change_has_its_words(
    tmp_path: Path, old: str, new: str, said: list[str]
) -> None:
    before, after = config(tmp_path, BASE), config(tmp_path, BASE.replace(old, new))
    assert changes(before, after) == said


def test_settings_of_all_targets_are_changes_of_the_nodes(tmp_path: Path) -> None:
    after = config(tmp_path, BASE.replace("interval: 3s", "interval: 4s"))
    assert changes(config(tmp_path, BASE), after) == [
        "nodes: changed server1, server2",
        "hosts: changed mx1.example.com.",
    ]


def test_a_zone_that_comes_brings_its_hosts(tmp_path: Path) -> None:
    more = (
        "  example.net:\n    nameservers: {ns.example.org: []}\n    hosts: {mx: {role: primary}}\n"
    )
    after = config(tmp_path, BASE.replace("profiles:\n", more + "profiles:\n"))
    assert changes(config(tmp_path, BASE), after) == [
        "zones: added example.net.",
        "hosts: added mx.example.net.",
    ]
    assert changes(after, config(tmp_path, BASE)) == [
        "zones: removed example.net.",
        "hosts: removed mx.example.net.",
    ]


def test_the_same_domains_are_not_looked_at(tmp_path: Path) -> None:
    class Closed(dict[bytes, object]):
        def items(self) -> None:  # type: ignore[override]
            raise AssertionError("every domain was looked at")

    from dataclasses import replace

    closed: object = Closed()
    same = replace(config(tmp_path, BASE), domains=closed)  # type: ignore[arg-type]
    assert changes(same, replace(same)) == []


def test_every_setting_of_the_server_is_live_or_waits_for_a_restart() -> None:
    names = {field.name for field in fields(ServerSettings)}
    assert names >= LIVE_SETTINGS
    one = ServerSettings((), None, "control.sock")
    two = ServerSettings((), None, "other.sock", identity="me")
    assert needs_restart(one, two) == ["control"]
