"""How problems are worded."""

import pytest

from rrdns.errors import ConfigError, Problem, RrdnsError, Severity, UnreadableError


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("f.yaml", 3, 7, "zones", "bad"), "f.yaml:3:7: zones: bad"),
        (Problem("f.yaml", 3, 7, "", "no YAML"), "f.yaml:3:7: no YAML"),
        (Problem("f", 1, 1, "a", "odd", Severity.WARNING), "f:1:1: warning: a: odd"),
        (Problem("f", 1, 1, "", "so", Severity.INFO), "f:1:1: info: so"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_a_refused_configuration_tells_all_problems() -> None:
    problems = [Problem("f", 1, 1, "a", "first"), Problem("f", 2, 1, "b", "second")]
    error = ConfigError(iter(problems))
    assert error.problems == tuple(problems)
    assert str(error) == "f:1:1: a: first\nf:2:1: b: second"
    assert isinstance(error, RrdnsError)
    assert str(UnreadableError("cannot read f")) == "cannot read f"


def test_problems_sort_by_place() -> None:
    late, early = Problem("f", 10, 1, "", "x"), Problem("f", 9, 5, "", "y")
    assert sorted([late, early]) == [early, late]
