"""The version stands in one place, and everything else that tells it agrees."""

import re
import tomllib
from pathlib import Path

from rrdns import __version__

ROOT = Path(__file__).parents[3]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_the_project_takes_it_from_the_package() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert document["project"]["dynamic"] == ["version"]
    assert "version" not in document["project"]
    assert document["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "rrdns.__version__"}


def test_no_other_file_of_the_package_says_it() -> None:
    found = [
        path for path in (ROOT / "rrdns").rglob("*.py") if f'"{__version__}"' in path.read_text()
    ]
    assert found == [ROOT / "rrdns" / "__init__.py"]


def test_the_changelog_knows_no_newer_one() -> None:
    titles = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    first, *others = titles
    released = others if first == "Unreleased" else titles
    # What is unreleased may still be the first version, or follow the one that was last.
    assert released[:1] in ([], [__version__])
    assert [numbers(one) for one in released] == sorted(map(numbers, released), reverse=True)


def test_the_man_pages_tell_it() -> None:
    for page in ("rrdns.1", "rrdns.yaml.5"):
        assert f'"rrdns {__version__}"' in (ROOT / "man" / page).read_text()
