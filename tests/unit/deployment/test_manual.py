"""The man pages: they say what `--help` and the schema say, are sound, and come with a wheel."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.manual import ROOT, pages

from rrdns.cli import VERBS, cli
from rrdns.config import schema

PAGES = {path.name: path for path in pages()}


@pytest.fixture
def shown(require_program: Callable[[str], str], request: pytest.FixtureRequest) -> str:
    """A page as a terminal shows it, in wide lines without a word cut in two."""
    text = Path(PAGES[request.param]).read_text()
    done = subprocess.run(
        [require_program("groff"), "-man", "-Tascii", "-rLL=400n", "-P-cbou"],
        input=f".nh\n{text}",
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_pages_are_those_that_the_code_makes() -> None:
    for path, text in pages().items():
        assert path.read_text() == text, "run `make docs`"


@pytest.mark.parametrize("shown", ["rrdns.1"], indirect=True)
def test_every_verb_and_option_of_the_help_is_in_the_manual(shown: str) -> None:
    sections = dict(_sections(shown))
    for verb in ("", *VERBS):
        said = CliRunner().invoke(cli, [*verb.split(), "--help"], prog_name="rrdns").stdout
        listed = said.partition("Options:")[2].partition("Commands:")[0]
        options = re.findall(r"^  (-.*?)(?:  |$)", listed, re.MULTILINE)
        assert options
        for option in options:
            # As it stands in the help: -c, --config FILE
            place = sections[verb] if verb else shown.partition("VERBS")[0]
            assert option in place, verb


def _sections(shown: str) -> Iterator[tuple[str, str]]:
    parts = re.split(r"^   (\S+)$", shown, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


@pytest.mark.parametrize("shown", ["rrdns.yaml.5"], indirect=True)
def test_every_key_of_the_configuration_is_in_the_manual(shown: str) -> None:
    keys = dict(re.findall(r"^ {7}(\w+) \((.*)\)$", shown, re.MULTILINE))
    models = [
        one
        for one in vars(schema).values()
        if isinstance(one, type) and issubclass(one, schema.Model | schema.NodeModel)
    ]
    models.remove(schema.RootModel)
    assert set(keys) == {key for model in models for key in model.model_fields}
    headings = re.findall(r"^([A-Z]+)$", shown, re.MULTILINE)
    assert {key.upper() for key in schema.RootModel.model_fields} <= set(headings)
    assert keys["interval"] == "duration; default: 3s"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("lint", [("groff", "-man", "-ww", "-z"), ("mandoc", "-T", "lint")])
def test_formatters_have_nothing_to_say(
    name: str, lint: tuple[str, ...], require_program: Callable[[str], str]
) -> None:
    program, *words = lint
    done = subprocess.run(
        [require_program(program), *words, str(PAGES[name])], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_wheel_installs_the_pages_where_man_looks(
    require_program: Callable[[str], str], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    # Only what a build needs, and no traces of it in the tree.
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "man"):
        (source / name).symlink_to(ROOT / name)
    (source / "rrdns").mkdir()
    (source / "rrdns/__init__.py").symlink_to(ROOT / "rrdns/__init__.py")
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run(
        [sys.executable, "-c", build],
        cwd=source,
        env={**os.environ, "RRDNS_NATIVE": "skip"},
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    data = f"{'-'.join(wheel.name.split('-')[:2])}.data/data/"
    zipfile.ZipFile(wheel).extractall(tmp_path)
    # An installer puts what is in there into the environment's own directory.
    bin_directory = tmp_path / data / "bin"
    bin_directory.mkdir()
    env = {"PATH": f"{bin_directory}:{os.environ['PATH']}", "LC_ALL": "C"}
    for name in ("rrdns", "rrdns.yaml"):
        done = subprocess.run(
            [require_program("man"), "--where", name], env=env, capture_output=True, text=True
        )
        assert done.stdout.startswith(str(tmp_path / data)), done
