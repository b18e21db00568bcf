"""The pure parts of the benchmark: /proc's figures, what the loads print, the tables."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.client import read_report
from bench.cpu import (
    Process,
    Usage,
    cpu_seconds,
    parse_stat,
    peak_bytes,
    proportional_bytes,
    resident_bytes,
    spent,
    total_seconds,
    tree,
    usage,
)
from bench.load import QUERIES, Answered, Load, parse, write_queries
from bench.messages import read_queries
from bench.report import compared, ratio, table
from bench.rounds import in_turn
from bench.running import Round

DNSPERF = """\
DNS Performance Testing Tool
Version 2.10.0

[Status] Testing complete (time limit)

Statistics:

  Queries sent:         348703
  Queries completed:    348701 (100.00%)
  Queries lost:         2 (0.00%)

  Response codes:       NOERROR 348700 (100.00%), REFUSED 1 (0.00%)
  Average packet size:  request 33, response 109
  Run time (s):         2.000104
  Queries per second:   174341.434245

  Average Latency (s):  0.000497 (min 0.000030, max 0.004012)
"""


def test_dnsperfs_output_is_read() -> None:
    answered = parse(DNSPERF)
    assert answered == Answered(
        sent=348703,
        completed=348701,
        lost=2,
        good=348700,
        seconds=2.000104,
        latency_seconds=0.000497,
    )
    assert answered.rate == pytest.approx(174341.43, rel=1e-6)


def test_output_without_statistics_is_refused() -> None:
    with pytest.raises(ValueError, match="Queries sent"):
        parse("Error: connect failed")


def test_no_good_answer_is_none() -> None:
    assert parse(DNSPERF.replace("NOERROR 348700 (100.00%), ", "")).good == 0


def test_the_answers_that_are_good_may_be_others_than_noerror() -> None:
    assert parse(DNSPERF, "REFUSED").good == 1
    assert parse(DNSPERF, "NXDOMAIN").good == 0


def test_the_command_has_a_rate_only_where_one_is_asked_for(tmp_path: Path) -> None:
    queries = write_queries(tmp_path)
    free = Load(3.0, 10, 100, None).command("dnsperf", 5300, queries)
    paced = Load(3.0, 10, 100, 20_000).command("dnsperf", 5300, queries)
    assert "-Q" not in free
    assert paced == [*free, "-Q", "20000"]
    assert set(read_queries(queries)) == set(QUERIES)
    assert "tcp" in Load(3.0, 4, 400, transport="tcp").command("dnsperf", 5300, queries)


def _stat(pid: int, parent: int, session: int, *times: int) -> str:
    return f"{pid} (a (b) c) S {parent} {pid} {session} 0 -1 4194304 1 2 3 4 " + " ".join(
        str(time) for time in times
    )


def test_a_stat_line_is_read_past_the_commands_parentheses() -> None:
    assert parse_stat(_stat(7, 1, 5, 150, 50, 20, 30), 100) == Process(7, 1, 5, 2.0, 0.5)


def test_the_tree_has_descendants_and_those_who_left_the_family() -> None:
    root = Process(10, 1, 10, 1.0, 0.25)
    child = Process(11, 10, 10, 2.0, 0.0)
    grandchild = Process(12, 11, 12, 4.0, 0.0)
    adopted = Process(13, 1, 10, 8.0, 0.0)
    stranger = Process(14, 1, 14, 16.0, 0.0)
    found = tree([stranger, grandchild, adopted, child, root], 10)
    assert found == [root, child, grandchild, adopted]
    assert total_seconds(found) == 15.25


def test_time_of_a_child_that_ended_is_not_lost() -> None:
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    parent = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\n"
        "print('done', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert 0.25 < cpu_seconds(process.pid) < 5.0
        assert resident_bytes(process.pid) > 1_000_000
        assert 1_000_000 < proportional_bytes(process.pid) <= peak_bytes(process.pid)
        process.communicate()


def test_a_process_that_is_gone_has_no_figures() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert cpu_seconds(process.pid) == 0
    assert usage(process.pid) == Usage(0, 0, {})
    assert cpu_seconds(os.getpid()) >= 0


def test_the_finer_count_of_cpu_time_is_taken_where_it_missed_no_thread() -> None:
    before = Usage(1, 1.0, {7: 1_000_000_000})
    after = Usage(1, 1.05, {7: 1_040_000_000, 8: 12_000_000})
    assert spent(before, after, 100) == pytest.approx(0.052)
    ended = Usage(1, 1.5, {7: 1_040_000_000})
    assert spent(before, ended, 100) == pytest.approx(0.5)
    assert spent(Usage(1, 1.0, {}), Usage(1, 1.25, {}), 100) == pytest.approx(0.25)


def test_our_own_clients_report_is_read() -> None:
    report = (
        '{"sent": 10, "answered": 9, "good": 8, "seconds": 0.5, "mean": 0.25, "p50": 0.2,'
        ' "p99": 0.75, "p999": 0.8, "max": 0.9, "cpu_seconds": 0.125}'
    )
    assert read_report(report) == Answered(10, 9, 1, 8, 0.5, 0.25, 0.2, 0.75, 0.125)


# --- rounds to tables -------------------------------------------------------------------------


def _round(us: float, queries: int = 1000) -> Round:
    return Round(Answered(queries, queries, 0, queries, 0.5), us * queries / 1e6)


def test_every_other_round_goes_backwards() -> None:
    assert list(in_turn("abc", 3)) == [*"abc", *"cba", *"abc"]


def test_ratios_are_medians_of_pairs_of_rounds() -> None:
    ours = [_round(6.0), _round(12.0), _round(9.0)]
    theirs = [_round(6.0), _round(6.0), _round(6.0)]
    assert ratio(ours, theirs) == pytest.approx(1.5)
    assert table({"rrdns": ours, "nsd": theirs}, ["rrdns"]) == [
        "| server | answered | queries/s | of a core | CPU us/query | lowest to highest"
        " | rrdns's by its |",
        "|---|--:|--:|--:|--:|--:|--:|",
        "| rrdns | 3,000 | 2,000 | 2% | 9.00 | 6.00 to 12.00 | 1.00 |",
        "| nsd | 3,000 | 2,000 | 1% | 6.00 | 6.00 to 6.00 | 1.50 |",
    ]


def test_a_missing_subject_has_no_column_and_no_figures() -> None:
    section = compared("mix", "Five", {"knot": [_round(5.0)]}, ["rrdns"])
    assert section.lines[2:] == ["| knot | 1,000 | 2,000 | 1% | 5.00 | 5.00 to 5.00 |"]
    assert not section.figures
    assert section.bars == {"knot": pytest.approx(5.0)}


def test_a_sections_figures_are_the_subjects_ratios() -> None:
    rounds = {"echo": [_round(2.0)], "rrdns": [_round(3.0)], "rrdns-python": [_round(6.0)]}
    assert compared("mix", "Five", rounds, ["rrdns", "rrdns-python"]).figures == {
        "rrdns/echo": pytest.approx(1.5),
        "rrdns/rrdns-python": pytest.approx(0.5),
        "rrdns-python/echo": pytest.approx(3.0),
        "rrdns-python/rrdns": pytest.approx(2.0),
    }
