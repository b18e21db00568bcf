"""Domain lists: what a line may be, and that a plain line costs next to nothing."""

from pathlib import Path

import pytest

from rrdns.config import domains, hostnames
from rrdns.config.domains import parse_domain_file
from rrdns.errors import ConfigError, Severity
from rrdns.loading import load
from rrdns.names import from_text, to_text

CONFIGURATION = """\
nodes: {server1: {primary: 192.0.2.11}}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts: {mx1: {role: primary}, mx2: {role: primary}}
profiles:
  default:
    nameservers: [ns1.example.com, ns2.example.com]
    mx: [10 mx1.example.com, 20 mx2.example.com]
  parked: {nameservers: [ns1.example.com, ns2.example.com], mx: none}
domains:
  - {file: domains.txt}
"""


def _configuration(tmp_path: Path, lines: bytes) -> Path:
    (tmp_path / "rrdns.yaml").write_text(CONFIGURATION)
    (tmp_path / "domains.txt").write_bytes(lines)
    return tmp_path / "rrdns.yaml"


def test_names_comments_blank_lines_and_line_ends() -> None:
    found = parse_domain_file(
        "\ufeff# all\r\none.test\r\n\r\n  Two.TEST.  # second\nbücher.test\nfaß。test\r\n"
        "_dmarc.x--y.test\n1.2.test".encode()
    )
    assert found.errors == []
    assert [to_text(name) for name in found.names] == [
        "one.test.",
        "two.test.",
        "xn--bcher-kva.test.",
        "xn--fa-hia.test.",
        "_dmarc.x--y.test.",
        "1.2.test.",
    ]
    assert found.lines == [2, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    "line",
    [
        "single",
        "a..b",
        ".test",
        "-a.test",
        "a-.test",
        "*.test",
        "a b.test",
        "a.test b.test",
        "192.0.2.1",
        "a" * 64 + ".test",
        ".".join(["abcdefgh"] * 30),
        "☃.test",
        "a.test..",
        ".",
        "a@b.test",
        "a\\",
    ],
)
def test_a_bad_line_is_told_with_its_number_and_costs_no_other(line: str) -> None:
    found = parse_domain_file(f"good.test\n{line}\nbetter.test\n".encode())
    assert [number for number, _ in found.errors] == [2]
    assert found.names == [from_text("good.test"), from_text("better.test")]


def test_the_short_way_agrees_with_the_long_one() -> None:
    lines = ["a.test", "A-b.Test", "x" * 63 + ".test", ".".join(["abcdefg"] * 31) + ".test"]
    found = parse_domain_file("\n".join(lines).encode())
    assert found.names == [from_text(line) for line in lines]


def test_a_plain_line_never_takes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(written: str) -> bytes:
        calls.append(written)
        return hostnames.absolute(written)

    monkeypatch.setattr(domains, "absolute", counted)
    lines = [f"Customer-{number}.example{number % 9}.test" for number in range(20_000)]
    found = parse_domain_file("\n".join([*lines, "bücher.test"]).encode())
    assert len(found.names) == 20_001
    assert calls == ["bücher.test"]


def test_all_domains_share_the_object_of_their_profile(tmp_path: Path) -> None:
    path = _configuration(tmp_path, b"".join(b"customer%d.test\n" % n for n in range(100_000)))
    config = load(path).config
    assert len(config.domains) == 100_000
    assert {id(profile) for profile in config.domains.values()} == {id(config.profiles["default"])}


def test_a_tolerant_load_keeps_the_good_lines_and_tells_of_the_bad_ones(tmp_path: Path) -> None:
    path = _configuration(tmp_path, b"one.test\nsingle\nexample.com\ntwo.test\none.test\n")
    loaded = load(path, tolerant=True)
    assert set(loaded.config.domains) == {from_text("one.test"), from_text("two.test")}
    assert [(problem.line, problem.severity) for problem in loaded.problems] == [
        (2, Severity.ERROR),
        (3, Severity.ERROR),
        (5, Severity.WARNING),
    ]
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.problems == loaded.problems


def test_a_tolerant_load_still_refuses_every_other_error(tmp_path: Path) -> None:
    path = _configuration(tmp_path, b"single\n")
    path.write_text(CONFIGURATION.replace("192.0.2.11", "192.0.2.256"))
    with pytest.raises(ConfigError) as caught:
        load(path, tolerant=True)
    assert [problem.file for problem in caught.value.problems] == [
        str(path),
        str(tmp_path / "domains.txt"),
    ]


@pytest.mark.parametrize("count", [100, 101])
def test_the_first_hundred_of_a_kind_are_told_and_then_the_total(
    tmp_path: Path, count: int
) -> None:
    bad = [b"bad%d" % n for n in range(count)]
    twice = [b"one.test"] * (count + 1)
    loaded = load(_configuration(tmp_path, b"\n".join(bad + twice)), tolerant=True)
    errors = [p.message for p in loaded.problems if p.severity is Severity.ERROR]
    warnings = [p.message for p in loaded.problems if p.severity is Severity.WARNING]
    assert len(errors) == len(warnings) == count
    assert ("101 bad lines in all" in errors[-1]) == (count > 100)
    assert ("101 repeated lines in all" in warnings[-1]) == (count > 100)


def test_a_domain_under_two_profiles_names_both(tmp_path: Path) -> None:
    path = _configuration(tmp_path, b"one.test\ntwo.test\n")
    with path.open("a") as file:
        file.write("  - {profile: parked, names: [two.test]}\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.path == "domains[1].names[0]"
    assert "has already the profile default" in problem.message
    assert f"{tmp_path / 'domains.txt'}:2" in problem.message


def test_a_domain_too_long_for_its_soa_is_refused(tmp_path: Path) -> None:
    name = ".".join(["abcdefgh"] * 27) + ".test"
    with pytest.raises(ConfigError, match="too long for a mail domain"):
        load(_configuration(tmp_path, name.encode()))
