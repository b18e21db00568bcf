"""records: the MX records of each profile, in each format."""

import json
from pathlib import Path

from support.verbs import Rrdns


def test_zone_lines_are_those_of_the_domains_profile_by_preference(rrdns: Rrdns) -> None:
    result = rrdns("records", "customer.test")
    assert result.stderr == ""
    assert result.stdout == (
        "customer.test.\t3600\tIN\tMX\t10 mx1.example.com.\n"
        "customer.test.\t3600\tIN\tMX\t20 mx2.example.com.\n"
    )


def test_json_is_one_document(rrdns: Rrdns) -> None:
    assert json.loads(rrdns("records", "bücher.test", "--format", "json").stdout) == {
        "domain": "xn--bcher-kva.test.",
        "profile": "other",
        "ttl": 300,
        "mx": [
            {"preference": 5, "exchange": "mx1.example.com."},
            {"preference": 5, "exchange": "mx2.example.com."},
        ],
    }


def test_plain_has_a_row_for_each_field_of_a_web_form(rrdns: Rrdns) -> None:
    lines = rrdns("records", "customer.test", "--format", "plain").stdout.splitlines()
    assert lines[0].split() == ["HOST", "TYPE", "PRIORITY", "MAIL", "SERVER"]
    assert lines[1].split() == ["customer.test", "MX", "10", "mx1.example.com"]


def test_without_a_domain_the_first_profile_stands_for_a_customer(rrdns: Rrdns) -> None:
    assert rrdns("records").stdout.startswith("customer.example.\t3600\tIN\tMX\t10 mx1")


def test_an_unknown_domain_gets_the_first_profile_and_says_so(rrdns: Rrdns) -> None:
    result = rrdns("records", "new.test")
    assert result.stdout.startswith("new.test.\t3600\tIN\tMX\t10 mx1")
    assert result.stderr == "new.test. is not configured: records of profile 'default'\n"


def test_a_profile_can_be_chosen(rrdns: Rrdns) -> None:
    assert "\t300\tIN\tMX\t5 " in rrdns("records", "new.test", "--profile", "other").stdout
    result = rrdns("records", "--profile", "none")
    assert result.exit_code == 1
    assert "no profile 'none'; it has: default, other" in result.stderr


def test_without_profiles_the_hosts_are_listed(rrdns: Rrdns, config_path: Path) -> None:
    config_path.write_text(config_path.read_text().split("profiles:")[0])
    assert rrdns("records", "customer.test").stdout == (
        "customer.test.\t3600\tIN\tMX\t10 mx1.example.com.\n"
        "customer.test.\t3600\tIN\tMX\t20 mx2.example.com.\n"
    )
