"""check-config and explain: what they print, and how they exit."""

from pathlib import Path

import pytest
from support.verbs import Rrdns


def test_a_valid_configuration_is_summed_up_in_one_line(rrdns: Rrdns, config_path: Path) -> None:
    result = rrdns("check-config")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{config_path}: valid: 1 zone, 2 hosts, 2 nodes, 2 domains\n"


def test_every_problem_is_printed_and_nothing_else(rrdns: Rrdns, config_path: Path) -> None:
    text = config_path.read_text().replace("role: primary", "rule: primary")
    config_path.write_text(text.replace("ttl: 5m", "ttl: soon"))
    result = rrdns("check-config")
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith(f"{config_path}:") for line in lines)


def test_warnings_go_to_stderr_and_are_refused_only_by_strict(
    rrdns: Rrdns, config_path: Path
) -> None:
    text = config_path.read_text()
    config_path.write_text(text.replace("mx1: {role: primary}", "mx1: {role: primary, ttl: 1h}"))
    result = rrdns("check-config")
    assert result.exit_code == 0
    assert "warning: zones.example.com.hosts.mx1" in result.stderr
    assert "valid" in result.stdout
    strict = rrdns("check-config", "--strict")
    assert strict.exit_code == 1
    assert "--strict" in strict.stderr


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_a_file_that_cannot_be_read_is_told_in_one_line(
    rrdns: Rrdns, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    result = rrdns("check-config", "-c", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert str(path) in line


@pytest.mark.parametrize(
    "arguments",
    [("-c", "{}", "check-config"), ("check-config", "-c", "{}"), ("check-config", "--config={}")],
)
def test_the_configuration_is_named_before_or_after_the_verb(
    rrdns: Rrdns, config_path: Path, arguments: tuple[str, ...]
) -> None:
    here = [argument.format(config_path) for argument in arguments]
    assert rrdns(*here, env={"RRDNS_CONFIG": "/nowhere"}).exit_code == 0


def test_explain_shows_the_answer_of_a_host(rrdns: Rrdns) -> None:
    result = rrdns("explain", "MX1.example.com", "a", "--offline")
    assert (result.exit_code, result.stderr) == (0, "")
    for word in ("mx1.example.com.", "192.0.2.11", "192.0.2.21"):
        assert word in result.stdout


def test_explain_takes_internationalised_names_and_numbered_types(rrdns: Rrdns) -> None:
    assert "mx2.example.com." in rrdns("explain", "bücher.test", "TYPE15", "--offline").stdout


@pytest.mark.parametrize(
    ("name", "rrtype", "word"), [("a..b", "A", "empty label"), ("a.test", "AA", "record type")]
)
def test_explain_refuses_what_is_no_query(rrdns: Rrdns, name: str, rrtype: str, word: str) -> None:
    result = rrdns("explain", name, rrtype, "--offline")
    assert result.exit_code == 2
    assert word in result.stderr
