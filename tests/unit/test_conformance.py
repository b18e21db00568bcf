"""docs/conformance.md names tests that are there."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "conformance.md").read_text()
_NAMED = sorted(set(re.findall(r"`(\w+\.py)::(\w+)`", _PAGE)))


def test_every_row_of_behaviour_names_a_test() -> None:
    table = _PAGE.partition("## Behaviour")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 30
    assert [row for row in rows if "::" not in row.split("|")[3]] == []


@pytest.mark.parametrize(("file", "name"), _NAMED)
def test_a_named_test_is_there(file: str, name: str) -> None:
    (path,) = (_ROOT / "tests").rglob(file)
    assert re.search(rf"^(?:async )?(?:def )?{name}\b", path.read_text(), re.MULTILINE)
