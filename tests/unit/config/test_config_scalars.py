"""Readers of single values: what they take, and what the words of a refusal are."""

import math

import pytest

from rrdns.config import scalars
from rrdns.config.document import Broken, Document, Scalar, Tree, path_text, read_document
from rrdns.config.scalars import Reader
from rrdns.model import MinHealthy


def _scalar(source: str) -> Tree:
    document, problems = read_document("x.yaml", f"key: {source}\n")
    assert problems == []
    return document.tree["key"]


@pytest.mark.parametrize(
    ("source", "seconds"),
    [
        ("500ms", 0.5),
        ("300ms", 0.3),
        ("5s", 5),
        ("2m", 120),
        ("1h", 3600),
        ("1d", 86400),
        ("7", 7),
        ("0.25", 0.25),
        ("1.5h", 5400),
        ('"5s"', 5),
    ],
)
def test_durations(source: str, seconds: float) -> None:
    assert scalars.duration(0.001, 86400)(_scalar(source)) == seconds


@pytest.mark.parametrize(
    "source",
    [
        "",
        "5 s",
        "s",
        "-1",
        "+1",
        "1e3",
        "5S",
        "1:30",
        "01",
        ".5",
        "1w",
        "true",
        ".inf",
        "[5]",
        "{}",
    ],
)
def test_what_is_no_duration(source: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as 500ms, 5s, 2m, 1h or 1d"):
        scalars.duration(0.001, math.inf)(_scalar(source))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(86400, "1d"), (5400, "90m"), (3600, "1h"), (61, "61s"), (0.001, "1ms"), (1.5, "1500ms")],
)
def test_durations_are_told_as_they_are_written(seconds: float, text: str) -> None:
    assert scalars.duration_text(seconds) == text


@pytest.mark.parametrize(("source", "value"), [("0", 0), ("+7", 7), ("-3", -3), ("10", 10)])
def test_whole_numbers(source: str, value: int) -> None:
    assert scalars.whole_number(-5, 10)(_scalar(source)) == value


@pytest.mark.parametrize(
    "source", ["11", "9" * 30, "1.0", "1e1", '"3"', "010", "0x1", "0b1", "1_0", "1:30", "yes", ""]
)
def test_what_is_no_whole_number_in_range(source: str) -> None:
    with pytest.raises(ValueError, match="must be a whole number from -5 to 10"):
        scalars.whole_number(-5, 10)(_scalar(source))


@pytest.mark.parametrize("source", ["true", "True", "yes", "ON"])
def test_true(source: str) -> None:
    assert scalars.boolean(_scalar(source)) is True


@pytest.mark.parametrize("source", ["false", "no", "Off"])
def test_false(source: str) -> None:
    assert scalars.boolean(_scalar(source)) is False


READERS: list[Reader] = [
    scalars.text,
    scalars.word,
    scalars.file_path,
    scalars.bounded_text(5),
    scalars.choice("a", "b"),
    scalars.boolean,
    scalars.whole_number(1, 2),
    scalars.one_of("auto", scalars.whole_number(1, 2)),
    scalars.duration(0, 1),
    scalars.whole_seconds(0, 1),
    scalars.min_healthy,
    scalars.address,
    scalars.source_address(4),
    scalars.network,
    scalars.endpoint,
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "it is empty"), ({}, "not a mapping"), ([], "not a list"), (Broken(), "^$")],
)
def test_every_reader_refuses_what_is_no_scalar(reader: Reader, value: Tree, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        reader(value)


def test_a_long_value_is_told_in_short() -> None:
    assert len(scalars.shown("x" * 1000)) < 70
    assert scalars.shown("a\nb") == r"'a\nb'"


@pytest.mark.parametrize("source", ["bad name", "-a", "a/b", '""', "a."])
def test_what_is_no_word(source: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        scalars.word(_scalar(source))


def test_a_path_is_told_as_in_the_file() -> None:
    path = ("zones", "example.com", "hosts", "", "addresses", 0)
    assert path_text(path) == 'zones.example.com.hosts."".addresses[0]'
    assert path_text(("nodes", "a\nb")) == r'nodes."a\nb"'


def test_places_of_scalars_and_of_keys_of_collections() -> None:
    document, problems = read_document(
        "x.yaml", "a:\n  b:\n    - 1\n    - c: 2\n  'é': x\nd: {e: [f, g]}\n"
    )
    assert problems == []
    assert document.locate(("a", "b", 0)) == (3, 7, ("a", "b", 0))
    assert document.locate(("a", "b", 1, "c")) == (4, 10, ("a", "b", 1, "c"))
    assert document.locate(("a", "b")) == (2, 3, ("a", "b"))
    assert document.locate(("a", "b", 7)) == (2, 3, ("a", "b"))
    assert document.locate(("a", "é", 0)) == (5, 8, ("a", "é"))
    assert document.locate(("d", "e", 1)) == (6, 12, ("d", "e", 1))
    assert document.locate(("x", "y")) == (1, 1, ())
    assert document.locate_key(("a", "b", 1, "c")) == (4, 7)
    assert document.locate_key(("a", "nothing")) == (1, 1)
    assert Document("x.yaml", None).locate(("a",)) == (1, 1, ())


def test_the_first_of_two_equal_keys_counts() -> None:
    document, problems = read_document("x.yaml", "a: 1\na: 2\n")
    assert document.tree == {"a": Scalar("1", "int")}
    assert document.locate(("a",)) == (1, 4, ("a",))
    assert [(p.line, p.column) for p in problems] == [(2, 1)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [("0", MinHealthy(0)), ("3", MinHealthy(3)), ("100%", MinHealthy(100, percent=True))],
)
def test_min_healthy(source: str, expected: MinHealthy) -> None:
    assert scalars.min_healthy(_scalar(source)) == expected


@pytest.mark.parametrize("source", ["-1", "1001", "1.5", "101%", "050%", "5 %", "half", '"3"'])
def test_what_is_no_min_healthy(source: str) -> None:
    with pytest.raises(ValueError, match="must be a number of addresses"):
        scalars.min_healthy(_scalar(source))
