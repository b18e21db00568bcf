"""Domain lists: what a line may be, and that a plain line costs next to nothing."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.domain_loops import KINDS, use_loops

from rrdns import domainmap
from rrdns.config import domains, hostnames
from rrdns.config.domains import DomainList
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


@pytest.fixture(params=KINDS, autouse=True, scope="module")
def loops(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test is for the loops in Python and for the compiled ones."""
    with pytest.MonkeyPatch.context() as patch:
        use_loops(request.param, patch)
        yield


def _configuration(tmp_path: Path, lines: bytes) -> Path:
    (tmp_path / "rrdns.yaml").write_text(CONFIGURATION)
    (tmp_path / "domains.txt").write_bytes(lines)
    return tmp_path / "rrdns.yaml"


def _parsed(data: bytes) -> DomainList:
    """What a file says, whatever pieces it was read in."""
    pieces = list(domains.parse_domain_file(data))
    return DomainList(
        [name for piece in pieces for name in piece.names],
        [line for piece in pieces for line in piece.lines],
        [error for piece in pieces for error in piece.errors],
    )


def test_names_comments_blank_lines_and_line_ends() -> None:
    found = _parsed(
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
    found = _parsed(f"good.test\n{line}\nbetter.test\n".encode())
    assert [number for number, _ in found.errors] == [2]
    assert found.names == [from_text("good.test"), from_text("better.test")]


def test_the_short_way_agrees_with_the_long_one() -> None:
    lines = ["a.test", "A-b.Test", "x" * 63 + ".test", ".".join(["abcdefg"] * 31) + ".test"]
    found = _parsed("\n".join(lines).encode())
    assert found.names == [from_text(line) for line in lines]


def test_a_plain_line_never_takes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(written: str) -> bytes:
        calls.append(written)
        return hostnames.absolute(written)

    monkeypatch.setattr(domains, "absolute", counted)
    lines = [f"Customer-{number}.example{number % 9}.test" for number in range(20_000)]
    found = _parsed("\n".join([*lines, "bücher.test"]).encode())
    assert len(found.names) == 20_001
    assert calls == ["bücher.test"]


_Y = "y" * 63
LINES = (
    *("a.test", "b-c.d.test", "_e.test", "1.2.test", "A.Test", "a.test.", "bücher.test", "x" * 70),
    *("", " ", "# no", "a.test # one", "a.test\r", "\ta.test", "a b.test", "single", "-a.test"),
    *("a-.test", "a..test", ".test", "a.test..", "1.2.3.4", "a.4b", "a.4-b", "a.b4", "a.-b"),
    *("a.b-", "a--b.test", f"{_Y}.{_Y}.{_Y}.{'z' * 61}", f"{_Y}.{_Y}.{_Y}.{'z' * 62}", f"y{_Y}.a"),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(LINES), max_size=40),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\n", "\n\n"]),
    st.tuples(st.integers(1, 400), st.integers(1, 40)),
)
def test_pieces_of_any_size_say_what_the_lines_say_alone(
    lines: list[str], line_end: str, last: str, sizes: tuple[int, int]
) -> None:
    data = ("\ufeff" + line_end.join(lines) + last).encode()
    written = [line.partition("#")[0].strip().encode() for line in lines]
    alone = domains._parse((number, line) for number, line in enumerate(written, 1) if line)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domains, "_PIECE_OCTETS", sizes[0])
        patch.setattr(domains, "_SMALLER_OCTETS", sizes[1])
        found = _parsed(data)
    assert found == alone


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from((*"aZ09_-.\r\n#é", "\r\n", "a.b", "a.test\n", _Y, _Y + ".")), max_size=24
    ).map("".join)
)
def test_plain_lines_are_the_same_for_both(piece: str) -> None:
    found = domains._plain_names(piece.encode())
    assert found == domains.plain_names(piece.encode())
    if found is not None:
        assert found == domains._parse(enumerate(piece.encode().split(), 1)).names


def test_a_large_file_is_read_in_a_few_steps_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    parse_lines = domains._parse

    def counted(numbered: Iterable[tuple[int, bytes]]) -> DomainList:
        pairs = list(numbered)
        calls.append(len(pairs))
        return parse_lines(pairs)

    monkeypatch.setattr(domains, "_parse", counted)
    lines = [f"Customer-{number}.example{number % 9}.test" for number in range(20_000)]
    assert len(_parsed("\n".join(lines).encode()).names) == 20_000
    assert calls == []
    lines[10_000] = "# a comment"
    found = _parsed("\n".join(lines).encode())
    assert (found.lines[9_999], found.lines[10_000]) == (10_000, 10_002)
    assert sum(calls) < 50


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


def test_more_profiles_or_names_than_there_are_numbers_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domainmap, "MAX_PROFILES", 1)
    path = _configuration(tmp_path, b"one.test\n")
    with path.open("a") as file:
        file.write("  - {profile: parked, names: [two.test]}\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == (
        "domains[1]",
        "too much: more than 1 profiles have domains",
    )
