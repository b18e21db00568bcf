"""import-zone: what it prints, what it refuses, and that it tells what differs."""

from pathlib import Path

import pytest
from support.verbs import Rrdns

from rrdns.loading import load
from rrdns.names import from_text

ZONE = """\
$ORIGIN example.com.
$TTL 3600
@ SOA ns1 hostmaster 2026010101 7200 900 1209600 60
@ NS ns1
@ NS ns2.other.net.
@ MX 10 mx1
ns1 A 198.51.100.53
mx1 60 A 192.0.2.11
mx1 60 A 192.0.2.21
"""


@pytest.fixture
def zone_file(tmp_path: Path) -> Path:
    path = tmp_path / "db.example.com"
    path.write_text(ZONE)
    return path


def test_the_configuration_is_on_stdout_and_valid(
    rrdns: Rrdns, zone_file: Path, tmp_path: Path
) -> None:
    result = rrdns("import-zone", str(zone_file))
    assert (result.exit_code, result.stderr) == (0, "")
    made = tmp_path / "made.yaml"
    made.write_text(result.stdout)
    config = load(made).config
    assert list(config.zones) == [from_text("example.com.")]
    assert [node.name for node in config.nodes] == ["server1", "server2"]


def test_the_zone_is_found_by_its_soa_or_named(rrdns: Rrdns, zone_file: Path) -> None:
    by_origin = rrdns("import-zone", str(zone_file)).stdout
    bare = ZONE.replace("$ORIGIN example.com.\n", "")
    zone_file.write_text(bare.replace("@ SOA", "example.com. IN SOA"))
    assert rrdns("import-zone", str(zone_file)).stdout == by_origin
    zone_file.write_text(bare)
    nameless = rrdns("import-zone", str(zone_file))
    assert nameless.exit_code == 1
    assert "does not name its zone: say which it is, as --zone example.com" in nameless.stderr
    assert rrdns("import-zone", str(zone_file), "--zone", "example.com").stdout == by_origin


def test_hosts_can_be_named(rrdns: Rrdns, zone_file: Path) -> None:
    zone_file.write_text(ZONE + "filter A 192.0.2.7\n")
    result = rrdns("import-zone", str(zone_file), "--host", "filter.example.com")
    assert "      filter: {role: primary, ttl: 3600}" in result.stdout
    assert "      mx1: {role" not in result.stdout


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("@ MX 10 mx1\n", ""), "no MX that names a host with addresses in it"),
        (("@ NS ns1\n@ NS ns2.other.net.\n", ""), "has no NS at example.com.: is that the zone?"),
        (("192.0.2.21", "192.0.2.321"), ":9:1: "),
    ],
)
def test_what_cannot_be_imported_is_told(
    rrdns: Rrdns, zone_file: Path, changed: tuple[str, str], said: str
) -> None:
    zone_file.write_text(ZONE.replace(*changed))
    result = rrdns("import-zone", str(zone_file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


def test_a_host_without_addresses_and_a_file_that_is_missing(rrdns: Rrdns, zone_file: Path) -> None:
    result = rrdns("import-zone", str(zone_file), "--host", "mx9.example.com")
    assert (result.exit_code, "has no address for mx9.example.com." in result.stderr) == (1, True)
    result = rrdns("import-zone", str(zone_file) + ".missing")
    assert (result.exit_code, "cannot read the zone file" in result.stderr) == (2, True)


def test_what_would_be_answered_otherwise_is_told(rrdns: Rrdns, zone_file: Path) -> None:
    zone_file.write_text(ZONE.replace("@ SOA", "@ 7200 SOA") + "mx1 300 AAAA 2001:db8::11\n")
    result = rrdns("import-zone", str(zone_file))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "differs: example.com. SOA",
        "differs: mx1.example.com. AAAA",
    ]


def test_what_the_configuration_cannot_hold_is_told(rrdns: Rrdns, zone_file: Path) -> None:
    zone_file.write_text(ZONE + "@ MX 20 alias\nalias CNAME mx1\n")
    result = rrdns("import-zone", str(zone_file))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: rrdns.yaml:")
    assert "alias" in result.stderr


def test_signatures_are_left_out(rrdns: Rrdns, zone_file: Path) -> None:
    zone_file.write_text(ZONE + "mx1 60 NSEC ns1 A NSEC\n")
    result = rrdns("import-zone", str(zone_file))
    assert result.exit_code == 0
    assert "left out what DNSSEC signing made" in result.stderr
    assert "NSEC" not in result.stdout
