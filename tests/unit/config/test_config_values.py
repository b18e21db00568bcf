"""What a configuration means: settings, hosts, zones and profiles as the model has them."""

import dataclasses
import hashlib
import os
from pathlib import Path

import dns.rdata
import pytest
from dns.rdataclass import IN
from dns.rdatatype import RdataType

from rrdns.errors import ConfigError, Severity, UnreadableError
from rrdns.loading import load
from rrdns.model import MinHealthy
from rrdns.names import from_text, prefix_to_text
from rrdns.rrtypes import type_text
from rrdns.settings import Config, Endpoint, Limits
from rrdns.targets import Check, Family, ProbeSettings

GOOD = Path(__file__).parents[2] / "config/good"

BASE = """\
nodes:
  server1: {primary: 192.0.2.11, secondary: 192.0.2.12}
  server2: {primary: [192.0.2.21, "2001:DB8:0::21"]}
zones:
  example.com:
    nameservers: {ns1: [198.51.100.53, "2001:db8::53"], ns1.example.net: []}
    hosts:
      mx1: {role: [secondary, primary], min_healthy: 50%, ttl: 2m, max_answers: 3}
      sub.mx2: {addresses: [203.0.113.10], health: {check: tcp, port: 26}}
"""


def _load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "rrdns.yaml"
    path.write_text(text)
    return load(path).config


def test_defaults_of_server_and_limits(tmp_path: Path) -> None:
    config = _load(tmp_path, BASE)
    assert config.server.listen == (Endpoint("0.0.0.0", 53, True), Endpoint("::", 53, True))
    assert config.server.http == Endpoint("127.0.0.1", 9353)
    assert config.server.control == "/run/rrdns/control.sock"
    assert config.server.state_directory == "/var/lib/rrdns"
    assert (config.server.udp_workers, config.server.executor) == (None, "auto")
    assert config.limits == Limits()
    assert config.probe_concurrency == 500
    assert config.path == str(tmp_path / "rrdns.yaml")


def test_settings_of_server_and_limits(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        BASE
        + """
server:
  listen: ["192.0.2.53:5300", "[2001:DB8::53]:53"]
  http: null
  control: run/control.sock
  control_group: mail
  state_directory: null
  udp_workers: 1
  executor: python
  log: {level: debug, format: json}
limits:
  responses_per_second: 0
  slip: 0
  exempt: [10.0.0.0/8, 192.0.2.1]
  udp_payload: 4096
  tcp_connections: 5
  tcp_connections_per_client: 2
  tcp_idle_timeout: 1500ms
health: {concurrency: 7}
""",
    )
    assert config.server.listen == (Endpoint("192.0.2.53", 5300), Endpoint("2001:db8::53", 53))
    assert config.server.http is None
    assert config.server.control == str(tmp_path / "run/control.sock")
    assert config.server.control_group == "mail"
    assert config.server.state_directory is None
    assert (config.server.udp_workers, config.server.executor) == (1, "python")
    assert (config.server.log_level, config.server.log_format) == ("debug", "json")
    assert config.limits == Limits(0, 0, ("10.0.0.0/8", "192.0.2.1/32"), 4096, 5, 2, 1.5)
    assert config.probe_concurrency == 7


def test_hosts_take_the_first_role_that_a_node_has(tmp_path: Path) -> None:
    config = _load(tmp_path, BASE)
    mx1, mx2 = config.hosts()
    assert [(m.node, m.role, m.target.address) for m in mx1.members] == [
        ("server1", "secondary", "192.0.2.12"),
        ("server2", "primary", "192.0.2.21"),
        ("server2", "primary", "2001:db8::21"),
    ]
    assert [m.target.address for m in mx1.considered(Family.IPV6)] == ["2001:db8::21"]
    assert (mx1.ttl_seconds, mx1.max_answers, mx1.min_healthy) == (120, 3, MinHealthy(50, True))
    assert (mx1.rank, mx2.rank) == (0, 1)
    assert mx2.name == from_text("sub.mx2.example.com")
    (member,) = mx2.members
    assert (member.node, member.role) == ("sub.mx2.example.com", "address")
    assert member.target.settings.check is Check.TCP
    assert member.target.settings.port == 26


def test_health_is_overridden_key_by_key(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        """
health:
  {port: 26, interval: 1m, fall: 5, source: {ipv4: 192.0.2.1, ipv6: "2001:db8::1"}, helo: Bücher.example}
nodes:
  server1: {primary: 192.0.2.11}
  server2: {primary: 192.0.2.21, health: {check: none, fall: 1, connect_timeout: 250ms, source: {ipv6: null}, helo: "[IPv6:2001:db8::1]"}}
""",  # noqa: E501
    )
    base = ProbeSettings(
        port=26,
        interval_seconds=60,
        fall=5,
        source_ipv4="192.0.2.1",
        source_ipv6="2001:db8::1",
        helo="xn--bcher-kva.example",
    )
    first, second = (node.roles["primary"][0].settings for node in config.nodes)
    assert config.probe_defaults == first == base
    assert second == dataclasses.replace(
        base,
        check=Check.NONE,
        fall=1,
        connect_timeout_seconds=0.25,
        source_ipv6=None,
        helo="[IPv6:2001:db8::1]",
    )


def test_one_target_for_all_that_use_it(tmp_path: Path) -> None:
    config = _load(tmp_path, BASE.replace("203.0.113.10", "192.0.2.11"))
    addresses = [target.address for target in config.targets]
    assert addresses == ["192.0.2.12", "192.0.2.21", "2001:db8::21", "192.0.2.11"]
    shared = _load(tmp_path, BASE + "      mx3: {role: primary}\n      mx4: {role: primary}\n")
    *_, mx3, mx4 = shared.hosts()
    assert all(a.target is b.target for a, b in zip(mx3.members, mx4.members, strict=True))


def test_a_zone_has_its_name_servers_and_their_addresses(tmp_path: Path) -> None:
    config = _load(tmp_path, BASE)
    contents = config.zones[from_text("example.com")].contents
    servers = contents.rrsets[b""][2]
    assert servers.rdatas == (from_text("ns1.example.com"), from_text("ns1.example.net"))
    assert servers.ttl_seconds == 3600
    glue = contents.rrsets[b"\x03ns1"]
    assert [rdata.hex() for rdata in glue[1].rdatas] == ["c6336435"]
    assert len(glue[28].rdatas) == 1
    assert 6 not in contents.rrsets[b""]


def test_the_soa_and_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "rrdns.yaml"
    _load(tmp_path, BASE)
    os.utime(path, (2**32 + 5.5, 2**32 + 5.5))
    soa = load(path).config.zones[from_text("example.com")].contents.soa
    assert soa.mname == from_text("ns1.example.com")
    assert (soa.rname, soa.rname_in_zone) == (from_text("hostmaster.example.com"), False)
    assert soa.serial == 5
    assert (soa.refresh_seconds, soa.retry_seconds, soa.expire_seconds) == (7200, 900, 1209600)
    assert (soa.minimum_seconds, soa.ttl_seconds) == (60, 3600)


@pytest.mark.parametrize(
    ("rname", "expected"),
    [
        ("dns", from_text("dns.example.com")),
        ("dns.example.net", from_text("dns.example.net")),
        ("first.last@Bücher.test", from_text("first\\.last.xn--bcher-kva.test")),
    ],
)
def test_the_mailbox_of_a_soa(tmp_path: Path, rname: str, expected: bytes) -> None:
    text = BASE + f"    soa: {{mname: ns9.example.net., rname: {rname}, serial: 7, minimum: 0}}\n"
    soa = _load(tmp_path, text).zones[from_text("example.com")].contents.soa
    assert (soa.mname, soa.rname) == (from_text("ns9.example.net"), expected)
    assert (soa.serial, soa.negative_ttl_seconds) == (7, 0)


def test_a_profile_and_its_serial_from_the_newest_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a.test\n")
    (tmp_path / "b.txt").write_text("b.test\n")
    (tmp_path / "example.zone").write_text("www A 192.0.2.80\n")
    text = (
        BASE
        + """
    file: example.zone
profiles:
  one:
    nameservers: ns1.example.com
    mx: 10 mx1.example.com
    soa: {rname: a.example.net}
    records: {www: {type: A, ttl: 5, value: 192.0.2.80}, "": {type: TXT, value: v=spf1 -all}}
  two: {nameservers: [ns1.example.com], mx: none, ttl: 2h}
domains: [{profile: one, file: a.txt}, {profile: two, file: b.txt, names: [c.test]}]
"""
    )
    path = tmp_path / "rrdns.yaml"
    path.write_text(text)
    for number, name in enumerate(["rrdns.yaml", "a.txt", "b.txt", "example.zone"], 1):
        os.utime(tmp_path / name, (number, number))
    config = load(path).config
    one, two = config.profiles["one"].contents, config.profiles["two"].contents
    assert (one.soa.serial, two.soa.serial) == (2, 3)
    assert config.zones[from_text("example.com")].contents.soa.serial == 4
    assert (one.soa.rname, one.soa.rname_in_zone) == (from_text("a.example.net"), False)
    assert (two.soa.rname, two.soa.rname_in_zone) == (b"\x0ahostmaster", True)
    assert one.rrsets[b""][15].rdatas == (b"\0\x0a" + from_text("mx1.example.com"),)
    assert one.rrsets[b"\x03www"][1].ttl_seconds == 5
    assert one.rrsets[b""][16].ttl_seconds == 3600
    assert two.rrsets[b""][15].rdatas == (b"\0\0\0",)
    assert two.rrsets[b""][15].ttl_seconds == 7200
    assert list(config.domains) == [from_text(name) for name in ("a.test", "c.test", "b.test")]


def test_every_octodns_record_becomes_its_rdata() -> None:
    config = load(GOOD / "records.yaml").config
    rrsets = config.zones[from_text("example.com")].contents.rrsets
    found = [
        f"{prefix_to_text(owner) or '@'} {rrset.ttl_seconds} {type_text(rrtype)} "
        + str(dns.rdata.from_wire(IN, RdataType.make(rrtype), rdata, 0, len(rdata)))
        for owner, types in rrsets.items()
        for rrtype, rrset in types.items()
        for rdata in rrset.rdatas
    ]
    assert found == (GOOD / "records.expected").read_text().splitlines()


def test_the_digest_is_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a.test\n")
    text = (
        BASE
        + "profiles: {default: {nameservers: [ns1.example.com], mx: none}}\n"
        + "domains: [{file: a.txt}]\n"
    )
    config = _load(tmp_path, text)
    assert config.sha256 == hashlib.sha256(text.encode() + b"a.test\n").hexdigest()
    (tmp_path / "a.txt").write_text("b.test\n")
    assert _load(tmp_path, text).sha256 != config.sha256


def test_an_unreadable_configuration_says_why(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"cannot read .*none\.yaml: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(UnreadableError, match="Is a directory"):
        load(tmp_path)
    with pytest.raises(UnreadableError, match="null byte"):
        load("a\0b")


def test_a_relative_path_is_shown_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/rrdns.yaml").write_text(
        BASE + "profiles: {default: {nameservers: [ns1.example.com], mx: none}}\n"
        "domains: [{file: ../list.txt}]\n"
    )
    (tmp_path / "list.txt").write_text("single\n")
    with pytest.raises(ConfigError) as caught:
        load("etc/rrdns.yaml")
    files = [p.file for p in caught.value.problems if p.severity is Severity.ERROR]
    assert files == ["etc/../list.txt"]
