"""Where PyYAML has no libyaml, its pure-Python loader reads the same configuration."""

from pathlib import Path

import pytest
import yaml

from rrdns.config import document
from rrdns.errors import ConfigError
from rrdns.loading import load

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _pure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_Loader", yaml.SafeLoader)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_file_loads(path: Path) -> None:
    assert load(path).problems == ()


@pytest.mark.parametrize(
    "name",
    ["deep-nesting", "alias-bomb", "alias-recursion", "duplicate-keys", "many-errors", "tag"],
)
def test_a_broken_file_has_the_same_errors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "tests/config/bad")
    with pytest.raises(ConfigError) as caught:
        load(f"{name}.yaml")
    assert f"{caught.value}\n" == Path(f"{name}.error").read_text()


@pytest.mark.parametrize("name", ["tab", "unclosed-list", "unclosed-quote", "two-documents"])
def test_a_syntax_error_has_a_place(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "tests/config/bad")
    with pytest.raises(ConfigError) as caught:
        load(f"{name}.yaml")
    (problem,) = caught.value.problems
    expected = Path(f"{name}.error").read_text()
    assert str(problem).split(":")[:2] == expected.split(":")[:2]
