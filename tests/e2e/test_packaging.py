"""The sdist and the wheels, really built, installed into an empty environment, and run there.

No network: what rrdns depends on, and what builds it, is lent by the environment of the tests.
"""

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from support.asking import Dig
from support.ports import free_port
from support.processes import Background, background
from support.programs import require_program
from support.serving import configuration, fetch

from rrdns import __version__

ROOT = Path(__file__).parents[2]
# What a clone does not have. Extensions that were built in place stay, to be left out by the sdist.
LOCAL = shutil.ignore_patterns(
    ".*", "build", "dist", "bench", "__pycache__", "*.egg-info", "*.pyc", "*.lock"
)
MODULES = {".py", ".pyi", ".css", ".js"}
SOURCES = {".pyx", ".pxd", ".pxi"}
INFO = f"rrdns-{__version__}.dist-info"
NODES = {"server1": "192.0.2.11", "server2": "192.0.2.21"}


class Dist(NamedTuple):
    """What `python -m build` made."""

    sdist: Path
    wheel: Path


class Installed(NamedTuple):
    """An environment with one wheel in it."""

    bin: Path

    def rrdns(self, *words: str) -> str:
        return run(str(self.bin / "rrdns"), *words)

    def distribution(self) -> str:
        script = "from importlib.metadata import version; print(version('rrdns'))"
        return run(str(self.bin / "python"), "-I", "-c", script)


def run(*command: str, **words: str) -> str:
    """Run a command to its end, which must be a good one, and return what it printed."""
    ours = {"RRDNS_NATIVE": "", "RRDNS_NATIVE_FLAGS": "", "PYTHONPATH": "", "PIP_NO_INDEX": "1"}
    done = subprocess.run(
        command,
        env={**os.environ, **ours, **words},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source: a build writes into it."""
    copy = tmp_path_factory.mktemp("source") / "rrdns"
    shutil.copytree(ROOT, copy, ignore=LOCAL)
    return copy


@pytest.fixture(scope="module")
def dist(source: Path) -> Dist:
    """The sdist, and the wheel that is built from it, with a compiler."""
    require_program("cc")
    # Unoptimized, which takes a fifth of the time.
    words = {"RRDNS_NATIVE": "require", "RRDNS_NATIVE_FLAGS": "-O0"}
    run(sys.executable, "-m", "build", "--no-isolation", str(source), **words)
    (sdist,) = (source / "dist").glob("*.tar.gz")
    (wheel,) = (source / "dist").glob("*.whl")
    return Dist(sdist, wheel)


def without_compiler(dist: Dist, directory: Path, **words: str) -> tuple[Path, str]:
    """Build a wheel from the sdist, as pip does it, and return it with what was said meanwhile."""
    command = [sys.executable, "-m", "pip", "wheel", "--verbose", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(directory), str(dist.sdist)]
    said = run(*command, **words)
    (wheel,) = directory.glob("*.whl")
    return wheel, said


def install(wheel: Path, directory: Path) -> Installed:
    """Install a wheel into an environment of its own, which has its dependencies lent."""
    run(sys.executable, "-m", "venv", "--without-pip", str(directory))
    pip = [sys.executable, "-m", "pip", "--python", str(directory)]
    run(*pip, "install", "--no-deps", str(wheel))
    lend(directory)
    assert "No broken requirements found" in run(*pip, "check")
    return Installed(directory / "bin")


def lend(environment: Path) -> None:
    """Let an environment that has rrdns have what rrdns depends on."""
    # The last on the path, and not before: the tests' environment has an rrdns of its own.
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")


@contextmanager
def serving(installed: Installed, directory: Path) -> Iterator[tuple[Background, int, str]]:
    """Run the installed server, and yield it with its port and the URL of its pages."""
    port, http = free_port(), f"127.0.0.1:{free_port()}"
    path = directory / "rrdns.yaml"
    text = configuration(
        listen=[f"127.0.0.1:{port}"], nodes=NODES, directory=directory, http=f'"{http}"'
    )
    path.write_text(text)
    installed.rrdns("check-config", "-c", str(path))
    command = [str(installed.bin / "rrdns"), "-c", str(path), "serve"]
    # Not the extensions of the source, wherever the tests are started.
    environment = {"PYTHONPATH": ""}
    with background(command, directory / "serve.log", environment) as server:
        server.wait_for_output("ready listen=")
        yield server, port, f"http://{http}"


def answers(installed: Installed, directory: Path, executor: str) -> Background:
    """Show that the installed server answers, and with which executor."""
    assert installed.rrdns("--version") == f"rrdns {__version__} (executor {executor})\n"
    assert installed.distribution().strip() == __version__
    with serving(installed, directory) as (server, port, pages):
        dig = Dig("127.0.0.1", port)
        assert dig.addresses("mx1.example.com") == set(NODES.values())
        assert len(dig("customer.test", "MX").values) == 2
        assert f" executor={executor} " in server.output
        info = f'rrdns_build_info{{executor="{executor}",version="{__version__}"}} 1.0'
        assert info in fetch(f"{pages}/metrics")
        assert f"{__version__}, {executor} executor" in fetch(f"{pages}/")
    return server


def files(*suffixes: str) -> set[str]:
    """Return the files of the package with these endings, as the paths of their modules."""
    found = (path for path in (ROOT / "rrdns").rglob("*") if path.suffix in suffixes)
    return {str(path.relative_to(ROOT)) for path in found}


def test_the_sdist_has_the_source_and_nothing_that_was_made(dist: Dist) -> None:
    with tarfile.open(dist.sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert dist.sdist.name == f"rrdns-{__version__}.tar.gz"
    assert files(*MODULES, *SOURCES) | {"rrdns/py.typed"} <= names
    assert {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "setup.py"} <= names
    assert {"man/rrdns.1", "man/rrdns.yaml.5", "systemd/rrdns.service"} <= names
    assert {f"config/{path.name}" for path in (ROOT / "config").iterdir()} <= names
    made = (".c", ".so", ".o", ".pyc")
    assert [name for name in names if name.endswith(made) or name.startswith("tests/")] == []


def test_the_wheel_has_all_modules_types_pages_and_what_was_compiled(dist: Dist) -> None:
    with zipfile.ZipFile(dist.wheel) as archive:
        names = set(archive.namelist())
        metadata = email.message_from_bytes(archive.read(f"{INFO}/METADATA"))
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    compiled = {path.removesuffix(".pyx") + suffix for path in files(".pyx")}
    assert len(compiled) >= 3
    data = f"rrdns-{__version__}.data/data/share/man"
    manual = {f"{data}/man1/rrdns.1", f"{data}/man5/rrdns.yaml.5"}
    expected = files(*MODULES) | {"rrdns/py.typed"} | compiled | manual
    assert {name for name in names if not name.startswith(INFO)} == expected
    assert f"{INFO}/licenses/LICENSE" in names
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_installed_with_a_compiler_it_answers_by_compiled_loops(dist: Dist, tmp_path: Path) -> None:
    installed = install(dist.wheel, tmp_path / "venv")
    answers(installed, tmp_path, "native")
    # Where man(1) looks, once the environment's bin is on the PATH.
    manual = tmp_path / "venv/share/man/man1/rrdns.1"
    assert f'"rrdns {__version__}"' in manual.read_text()


@pytest.mark.parametrize(
    ("words", "notice"),
    [
        ({"CC": "/bin/false"}, 'building extension "rrdns.table._native" failed'),
        ({"RRDNS_NATIVE": "skip"}, "Successfully built rrdns"),
    ],
    ids=["failing-compiler", "skipped"],
)
def test_installed_without_a_compiler_it_answers_in_python(
    dist: Dist, tmp_path: Path, words: dict[str, str], notice: str
) -> None:
    wheel, said = without_compiler(dist, tmp_path / "wheels", **words)
    assert notice in said
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if name.endswith(".so")] == []
    server = answers(install(wheel, tmp_path / "venv"), tmp_path, "python")
    assert "executor=python: the compiled extension is not there" in server.output


def test_make_install_puts_everything_in_its_place(
    source: Path, dist: Dist, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    command = [require_program("make"), "--directory", str(source), "install"]
    command += [f"PYTHON={sys.executable}", f"DESTDIR={root}", f"WHEEL={dist.wheel}"]
    run(*command, PIP_NO_DEPS="1")
    lend(root / "opt/rrdns/.venv")

    # What the unit starts is there, and its first line holds where it will stand.
    unit = (root / "etc/systemd/system/rrdns.service").read_text()
    (program,) = re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    assert (root / program[1:]).read_text().startswith("#!/opt/rrdns/.venv/bin/python")
    assert (root / "usr/local/bin/rrdns").readlink() == Path(program)
    assert (root / "etc/systemd/system/rrdns.socket").is_file()
    assert (root / "usr/local/share/man/man1/rrdns.1").is_file()
    assert (root / "usr/local/share/man/man5/rrdns.yaml.5").is_file()
    path = root / "etc/rrdns/rrdns.yaml"
    python = str(root / "opt/rrdns/.venv/bin/python")
    assert run(python, str(root / program[1:]), "check-config", "-c", str(path))

    # An upgrade keeps the operator's configuration. Its environment is there: nothing makes it.
    path.write_text("# mine\n")
    run(*command, "PYTHON=true", PIP_NO_DEPS="1")
    assert path.read_text() == "# mine\n"
    assert "sed 's|/opt/rrdns|/srv/dns|g'" in run(*command, "PREFIX=/srv/dns", "--dry-run")
