"""Whole files: broken ones beside their exact errors, good ones, and those that we ship."""

from pathlib import Path

import pytest

from rrdns.errors import RrdnsError, Severity
from rrdns.loading import load
from rrdns.names import from_text, prefix_to_text, to_text
from rrdns.settings import Config

ROOT = Path(__file__).parents[3]
BAD = sorted((ROOT / "tests/config/bad").glob("*.yaml"))
GOOD = sorted((ROOT / "tests/config/good").glob("*.yaml"))
SHIPPED = sorted((ROOT / "config").glob("*.yaml"))


def _stem(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", BAD, ids=_stem)
def test_a_broken_file_is_refused_with_exactly_these_words(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(RrdnsError) as caught:
        load(path.name)
    assert str(caught.value) == path.with_suffix(".error").read_text().rstrip("\n")


def test_there_are_enough_broken_files_and_each_has_its_errors() -> None:
    assert len(BAD) >= 40
    errors = {path.stem for path in BAD[0].parent.glob("*.error")}
    assert errors == {path.stem for path in BAD}


@pytest.mark.parametrize("path", GOOD, ids=_stem)
def test_a_good_file_loads_with_exactly_these_remarks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    problems = load(path.name).problems
    assert "".join(f"{problem}\n" for problem in problems) == (
        path.with_suffix(".problems").read_text()
    )
    assert all(problem.severity is not Severity.ERROR for problem in problems)


@pytest.mark.parametrize("path", SHIPPED, ids=_stem)
def test_a_shipped_file_has_nothing_to_remark_on(path: Path) -> None:
    assert load(path).problems == ()


@pytest.mark.parametrize("path", SHIPPED, ids=_stem)
def test_a_shipped_file_marks_every_address_and_name_to_change(path: Path) -> None:
    for line in path.read_text().splitlines():
        setting = line.partition("#")[0]
        if any(sample in setting for sample in ("192.0.2.", "198.51.100.", "203.0.113.")):
            assert "# CHANGE" in line
        if any(sample in setting for sample in ("example.com", "customer.test")):
            assert "# CHANGE" in line


def _answers(config: Config) -> dict[str, list[str]]:
    return {
        to_text(host.name): [member.target.address for member in host.members]
        for host in config.hosts()
    }


def test_the_shipped_layout_is_the_one_that_vendors_recommend() -> None:
    config = load(ROOT / "config/rrdns.yaml").config
    primaries = ["192.0.2.11", "192.0.2.21", "192.0.2.31"]
    secondaries = ["192.0.2.12", "192.0.2.22", "192.0.2.32"]
    assert _answers(config) == {
        "mx1.example.com.": primaries,
        "mx2.example.com.": secondaries,
        "mx3.example.com.": secondaries,
        "mx4.example.com.": secondaries,
    }
    assert {host.ttl_seconds for host in config.hosts()} == {60}
    (mx,) = (p.contents.rrsets[b""][15] for p in config.profiles.values())
    assert mx.rdatas == tuple(
        bytes([0, 10 * number]) + from_text(f"mx{number}.example.com") for number in (1, 2, 3, 4)
    )


def test_the_third_server_is_one_line_under_nodes_and_nothing_else(tmp_path: Path) -> None:
    text = (ROOT / "config/rrdns.yaml").read_text()
    (line,) = (line for line in text.splitlines(keepends=True) if "server3:" in line)
    (tmp_path / "rrdns.yaml").write_text(text.replace(line, ""))
    (tmp_path / "domains.txt").write_bytes((ROOT / "config/domains.txt").read_bytes())
    two, three = load(tmp_path / "rrdns.yaml").config, load(ROOT / "config/rrdns.yaml").config
    assert two.nodes == three.nodes[:2]
    third = {"192.0.2.31", "192.0.2.32"}
    assert _answers(two) == {
        host: [address for address in addresses if address not in third]
        for host, addresses in _answers(three).items()
    }
    assert two.domains.keys() == three.domains.keys()
    assert {apex: zone.contents.rrsets for apex, zone in two.zones.items()} == {
        apex: zone.contents.rrsets for apex, zone in three.zones.items()
    }


def test_the_balancer_layout_keeps_mx3_on_the_nodes() -> None:
    answers = _answers(load(ROOT / "config/load-balancer.yaml").config)
    balancer = ["203.0.113.10"]
    assert answers == {
        "mx1.example.com.": balancer,
        "mx2.example.com.": balancer,
        "mx3.example.com.": ["192.0.2.11", "192.0.2.21", "192.0.2.31"],
        "mx4.example.com.": balancer,
    }


def test_the_two_data_centres_have_equal_preferences() -> None:
    config = load(ROOT / "config/two-data-centres.yaml").config
    (mx,) = (p.contents.rrsets[b""][15] for p in config.profiles.values())
    assert [rdata[1] for rdata in mx.rdatas] == [10, 10, 20, 20]
    answers = _answers(config)
    assert not set(answers["mx1.example.com."]) & set(answers["mx2.example.com."])


def test_delegated_names_are_each_a_zone_whose_apex_is_the_host() -> None:
    config = load(ROOT / "config/delegated-names.yaml").config
    assert [to_text(apex) for apex in config.zones] == [
        f"mx{number}.example.com." for number in (1, 2, 3, 4)
    ]
    for zone in config.zones.values():
        assert [prefix_to_text(prefix) for prefix in zone.contents.hosts] == [""]
    assert not config.domains
