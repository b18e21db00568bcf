"""Whatever is in a file: a configuration, or problems with places in it, and never a traceback."""

import re
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rrdns.config import Inputs, SourceFile, check, referenced_files, resolve
from rrdns.dns.zonefile import parse_rdata, parse_zone_file

CONFIGURATIONS = sorted(Path(__file__).parents[3].glob("config/*.yaml")) + sorted(
    Path(__file__).parents[2].glob("config/good/*.yaml")
)
TEXTS = [path.read_text() for path in CONFIGURATIONS]
PIECES = [
    "", " ", "\n", "\t", ":", ": ", "-", "- ", "[", "]", "{", "}", ",", "'", '"', "#", "&a ", "*a",
    "!!str ", "!x ", "<<: ", "? ", "|\n", ">\n", "null", "~", "yes", "0123", "1:30", "::", "%", "@",
    "\\", ".", "..", "\u2603", "\u00e9", "none", "auto", "-1", "99999999999999999999", "1e9",
    "---\n", "...\n", "\0", "\ud7ff", "\U0001f600", "192.0.2.1", "ff02::1", "=", "mx1", "[[[",
]  # fmt: skip
TOKENS = re.compile(r"\w+|\s+|.", re.DOTALL)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    tokens = TOKENS.findall(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(tokens) - 1))
        length = draw(st.integers(0, 3))
        other = draw(st.sampled_from(tokens))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.just(other), st.text(max_size=3)))
        tokens[start : start + length] = [piece]
        tokens = tokens or [""]
    return "".join(tokens)


def _resolve(text: str, files: Mapping[str, SourceFile]) -> None:
    checked = check("x.yaml", text)
    named = {
        name: files.get(name, SourceFile(name, failure="No such file"))
        for name in referenced_files(checked.root)
    }
    inputs = Inputs("/etc/x.yaml", "", 1.0, named, parse_rdata, parse_zone_file)
    resolved = resolve(checked, inputs)
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + 2
    lines += text.count("\u2028") + text.count("\u2029")
    for problem in resolved.problems:
        assert problem.message
        assert problem.file != "x.yaml" or 1 <= problem.line <= lines
        assert problem.column >= 1
        assert "\n" not in str(problem)
    assert (resolved.config is None) == any(
        problem.severity == "error" for problem in resolved.problems
    )


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_a_mutated_configuration(text: str) -> None:
    _resolve(text, {})


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    _resolve(text, {})


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_domain_file(data: bytes) -> None:
    _resolve(
        TEXTS[[path.name for path in CONFIGURATIONS].index("rrdns.yaml")],
        {"domains.txt": SourceFile("domains.txt", data)},
    )
