"""What the benchmark writes: goals met and missed, results.md, the chart."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench.chart import chart, full_scale
from bench.goals import GOALS, Goal, goal_table
from bench.machine import machine, version_in
from bench.options import Options
from bench.report import Section
from bench.results import Report, markdown, write_results

SVG = "{http://www.w3.org/2000/svg}"


def _report(*sections: Section, quick: bool = False) -> Report:
    options = Options(
        dnsperf="dnsperf",
        client=Path("client"),
        echo=Path("echo"),
        smtp=Path("smtp"),
        rounds=5,
        seconds=2.0,
        clients=10,
        outstanding=100,
        rate=20_000,
        flood=50_000,
        executor="native",
        quick=quick,
        only=frozenset(),
    )
    versions = {"nsd": "4.6.1"}
    return Report("2026-11-21", "A CPU", "abc", versions, 0.5, ["bind"], options, [*sections])


MIX = Section(
    "mix", "Five", ["| a |"], {"rrdns/gdnsd": 0.9, "rrdns/nsd": 0.9}, {"rrdns": 3.0, "nsd": 4.0}
)


def test_goals_are_met_or_missed_and_those_that_were_not_measured_are_left_out() -> None:
    assert goal_table([MIX])[2:] == [
        "| five queries over UDP, native: CPU per query by gdnsd's | <= 1.00 x | 0.90 x | met |",
        "| five queries over UDP, native: CPU per query by nsd's | <= 0.85 x | 0.90 x"
        " | **missed** |",
    ]


def test_a_goal_may_ask_for_at_least_so_much() -> None:
    goal = Goal("rate", "loops.ratio", 1.7, " x", at_least=True)
    assert (goal.is_met(1.8), goal.is_met(1.6)) == (True, False)
    assert goal_table([Section("loops", "", [], {"ratio": 1.75})])[2].endswith(
        "| >= 1.70 x | 1.75 x | met |"
    )


def test_every_goal_is_of_a_figure_of_its_own() -> None:
    assert len({goal.figure for goal in GOALS}) == len(GOALS)


def test_results_say_where_when_and_what_is_missing() -> None:
    text = "\n".join(markdown(_report(MIX), charted=True))
    for part in (
        "2026-11-21; rrdns at abc; nsd 4.6.1",
        "A CPU; load average 0.5",
        "medians of 5 paired rounds of 2 s",
        "left out: bind",
        "(results.svg)",
        "## Goals",
        "## Five\n\n| a |",
    ):
        assert part in text
    assert "quick" not in text


def test_a_quick_run_says_so_and_a_run_without_goals_has_no_table_of_them() -> None:
    text = "\n".join(markdown(_report(Section("other", "T", []), quick=True), charted=False))
    assert "a quick run: its figures mean little" in text
    assert "## Goals" not in text
    assert "svg" not in text


def test_results_are_written_with_a_chart_where_there_is_something_to_draw(tmp_path: Path) -> None:
    assert [path.name for path in write_results(_report(MIX), tmp_path)] == [
        "results.md",
        "results.svg",
    ]
    assert "A CPU; 2026-11-21" in (tmp_path / "results.svg").read_text()
    assert len(write_results(_report(Section("other", "T", [])), tmp_path / "more")) == 1


def test_a_bar_is_as_long_as_its_value_and_one_far_above_the_rest_is_broken() -> None:
    values = {"echo": 1.0, "rrdns": 2.0, "nsd & co": 4.0, "powerdns": 700.0}
    drawn = ElementTree.fromstring(chart("Title", {"Mix": values}, "Footer"))
    bars = {
        bar.get("class"): float(bar.get("width", ""))
        for bar in drawn.iter(f"{SVG}rect")
        if bar.get("class") != "page"
    }
    assert bars["ours"] == pytest.approx(2 * bars["limit"], abs=0.2)
    widths = [float(bar.get("width", "")) for bar in drawn.iter(f"{SVG}rect")]
    assert widths[-1] == widths[-2] == pytest.approx(4 * bars["limit"], abs=0.2)
    assert len(list(drawn.iter(f"{SVG}path"))) == 1
    words = [text.text for text in drawn.iter(f"{SVG}text")]
    assert words[0] == "Title"
    assert {"Mix", "nsd & co", "4.00", "700.00", "Footer"} <= set(words)


def test_bars_of_one_size_are_all_whole() -> None:
    assert full_scale({"a": 3.0, "b": 3.5}) == 3.5
    assert full_scale({"a": 3.0}) == 3.0


def test_the_machine_is_told_without_its_name() -> None:
    assert " cores, Linux " in machine()
    assert version_in("NSD version 4.6.1\nWritten by") == "4.6.1"
    assert version_in("gdnsd: invalid option") is None
