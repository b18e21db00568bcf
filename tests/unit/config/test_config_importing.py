"""A zone file becomes a configuration with the same answers."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrdns.config.importing import configuration, mail_hosts
from rrdns.dns.zonefile import parse_zone_file, rdata_text
from rrdns.loading import load
from rrdns.model import Node, RRset
from rrdns.names import Name, from_text, to_text
from rrdns.settings import Config

APEX = from_text("example.com.")
HEAD = """\
@ 3600 SOA ns1 hostmaster 7 7200 900 1209600 60
@ 3600 NS ns1
@ 3600 NS ns.other.net.
ns1 3600 A 198.51.100.53
"""


def zone_of(text: str) -> dict[Name, dict[int, RRset]]:
    found, problems = parse_zone_file(text, "zone", APEX, 3600)
    assert problems == []
    zone: dict[Name, dict[int, RRset]] = {}
    for one in found:
        zone.setdefault(one.owner, {})[one.rrset.rrtype] = one.rrset
    return zone


def imported(text: str, directory: Path, hosts: Iterable[str] = ()) -> Config:
    zone = zone_of(HEAD + text)
    names = [from_text(host) for host in hosts] or mail_hosts(APEX, zone)
    path = directory / "rrdns.yaml"
    path.write_text(configuration(APEX, zone, names, rdata_text, "zone").text)
    return load(path).config


def shown(nodes: Iterable[Node]) -> dict[str, dict[str, list[str]]]:
    return {
        node.name: {
            role: [target.address for target in targets] for role, targets in node.roles.items()
        }
        for node in nodes
    }


def test_hosts_with_as_many_addresses_share_their_nodes(tmp_path: Path) -> None:
    config = imported(
        """\
@ MX 10 mx1
@ MX 20 mx2
@ MX 30 mx3
mx1 60 A 192.0.2.11
mx1 60 A 192.0.2.21
mx2 60 A 192.0.2.12
mx2 60 A 192.0.2.22
mx3 60 A 192.0.2.22
mx3 60 A 192.0.2.12
""",
        tmp_path,
    )
    assert shown(config.nodes) == {
        "server1": {"primary": ["192.0.2.11"], "secondary": ["192.0.2.12"]},
        "server2": {"primary": ["192.0.2.21"], "secondary": ["192.0.2.22"]},
    }
    roles = {
        to_text(host.name): {member.role for member in host.members} for host in config.hosts()
    }
    assert roles == {
        "mx1.example.com.": {"primary"},
        "mx2.example.com.": {"secondary"},
        "mx3.example.com.": {"secondary"},
    }


def test_both_families_of_a_host_are_paired(tmp_path: Path) -> None:
    config = imported(
        "@ MX 10 mx1\nmx1 A 192.0.2.1\nmx1 A 192.0.2.2\n"
        "mx1 AAAA 2001:db8::1\nmx1 AAAA 2001:db8::2\n",
        tmp_path,
    )
    assert shown(config.nodes) == {
        "server1": {"primary": ["192.0.2.1", "2001:db8::1"]},
        "server2": {"primary": ["192.0.2.2", "2001:db8::2"]},
    }


@pytest.mark.parametrize(
    ("addresses", "nodes"),
    [
        # One address each: machines of their own.
        (
            {"mx1": ["192.0.2.1"], "mx2": ["192.0.2.2"]},
            {"server1": {"primary": ["192.0.2.1"]}, "server2": {"secondary": ["192.0.2.2"]}},
        ),
        # An address that two hosts have is one machine with both roles.
        (
            {"mx1": ["192.0.2.1", "192.0.2.2"], "mx2": ["192.0.2.2", "192.0.2.3"]},
            {
                "server1": {"primary": ["192.0.2.1"]},
                "server2": {"primary": ["192.0.2.2"], "secondary": ["192.0.2.2"]},
                "server3": {"secondary": ["192.0.2.3"]},
            },
        ),
        (
            {"mx1": ["192.0.2.1"], "mx2": ["192.0.2.2"], "mx3": ["192.0.2.3", "2001:db8::3"]},
            {
                "server1": {"primary": ["192.0.2.1"]},
                "server2": {"secondary": ["192.0.2.2"]},
                "server3": {"role3": ["192.0.2.3", "2001:db8::3"]},
            },
        ),
    ],
)
def test_what_cannot_be_paired_becomes_a_node_an_address(
    tmp_path: Path, addresses: dict[str, list[str]], nodes: dict[str, dict[str, list[str]]]
) -> None:
    text = "".join(
        f"@ MX 10 {host}\n"
        + "".join(f"{host} {'AAAA' if ':' in one else 'A'} {one}\n" for one in found)
        for host, found in addresses.items()
    )
    assert shown(imported(text, tmp_path).nodes) == nodes


def test_mail_hosts_are_the_exchanges_here_by_preference() -> None:
    zone = zone_of(
        HEAD + "@ MX 20 b\n@ MX 10 a\nsub MX 5 c\n@ MX 30 out.other.net.\n@ MX 40 alias\n"
        "a A 192.0.2.1\nb AAAA 2001:db8::1\nc A 192.0.2.3\nd A 192.0.2.4\nalias CNAME a\n"
    )
    assert [to_text(name).split(".")[0] for name in mail_hosts(APEX, zone)] == ["c", "a", "b"]


def test_a_host_can_be_named_and_be_the_apex(tmp_path: Path) -> None:
    config = imported("@ 60 A 192.0.2.1\n", tmp_path, ["example.com."])
    (host,) = config.hosts()
    assert (host.name, host.ttl_seconds) == (APEX, 60)


def test_more_than_eight_addresses_are_all_answered(tmp_path: Path) -> None:
    text = "@ MX 10 mx1\n" + "".join(f"mx1 A 192.0.2.{number}\n" for number in range(1, 12))
    (host,) = imported(text, tmp_path).hosts()
    assert host.max_answers == 11


def test_name_servers_keep_their_addresses_and_ttls(tmp_path: Path) -> None:
    config = imported(
        "@ MX 10 mx1\nmx1 A 192.0.2.1\n@ NS ns3\n@ NS ns4\n@ NS mx1\nns3 60 A 198.51.100.3\n"
        "ns4 AAAA 2001:db8::53\n",
        tmp_path,
    )
    rrsets = config.zones[APEX].contents.rrsets
    assert len(rrsets[b""][2].rdatas) == 5
    assert rrsets[b"\x03ns3"][1].ttl_seconds == 60
    assert rrsets[b"\x03ns4"][28].ttl_seconds == 3600
    assert b"\x03mx1" not in rrsets


def test_texts_keep_their_chunks_and_octets(tmp_path: Path) -> None:
    text = (
        '@ MX 10 mx1\nmx1 A 192.0.2.1\na TXT "plain; text"\nb TXT "one" "two"\n'
        'c TXT "quo\\"te"\nd TXT "back\\\\slash"\ne TXT "\\200"\nf SPF "v=spf1 -all"\ng TXT ""\n'
        'yes TXT "no"\n1 TXT "007"\n'
    )
    zone = zone_of(HEAD + text)
    rrsets = imported(text, tmp_path).zones[APEX].contents.rrsets
    for label in "abcdefg1":
        for rrtype, wanted in zone[from_text(label, APEX)].items():
            assert rrsets[bytes([1]) + label.encode()][rrtype].rdatas == wanted.rdatas
    assert rrsets[b"\x03yes"][16].rdatas == (b"\x02no",)


LABELS = st.sampled_from(["a", "b", "*", "mx1", "mx2", "_tcp", "10", "null", "x.y", "ns1"])
RECORDS = st.one_of(
    st.builds('TXT "{}"'.format, st.text(alphabet="ab;'# :{}[],&*!|>%@`", max_size=12)),
    st.builds("A 192.0.2.{}".format, st.integers(1, 30)),
    st.builds("AAAA 2001:db8::{:x}".format, st.integers(1, 30)),
    st.builds("MX {} mx{}".format, st.integers(0, 99), st.integers(1, 2)),
    st.builds("SRV 0 {} 25 a".format, st.integers(0, 9)),
    st.builds('CAA 0 issue "ca{}.test"'.format, st.integers(0, 9)),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(LABELS, RECORDS), max_size=20))
def test_any_zone_comes_out_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[str, str]]
) -> None:
    text = "@ MX 10 mx1\nmx1 A 192.0.2.1\nmx2 A 192.0.2.2\n" + "".join(
        f"{label} {record}\n" for label, record in records
    )
    zone = zone_of(HEAD + text)
    config = imported(text, tmp_path_factory.mktemp("zone"))
    contents = config.zones[APEX].contents
    found = {
        (owner + APEX, rrtype): (rrset.ttl_seconds, set(rrset.rdatas))
        for owner, types in contents.rrsets.items()
        for rrtype, rrset in types.items()
    }
    for owner, host in contents.hosts.items():
        for member in host.members:
            key = (owner + APEX, member.target.family.rrtype)
            found.setdefault(key, (host.ttl_seconds, set()))[1].add(member.target.packed)
    wanted = {
        (owner, rrtype): (rrset.ttl_seconds, set(rrset.rdatas))
        for owner, types in zone.items()
        for rrtype, rrset in types.items()
        if rrtype != 6
    }
    assert found == wanted
    soa = contents.soa
    assert (soa.serial, soa.minimum_seconds, soa.ttl_seconds) == (7, 60, 3600)
