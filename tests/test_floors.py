"""The source tree keeps the design: floors, owners of libraries, purity, size of files."""

import ast
import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from rrdns import loading

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rrdns"
MAX_LINES = 320
CYTHON = ("*.pyx", "*.pxd", "*.pxi")

# module or package below rrdns -> (floor, room); the longest match counts
PLACES = {
    "": (0, "ground"),
    "domainloops": (0, "ground"),
    "domainmap": (0, "ground"),
    "errors": (0, "ground"),
    "model": (0, "ground"),
    "names": (0, "ground"),
    "rrtypes": (0, "ground"),
    "settings": (0, "ground"),
    "targets": (0, "ground"),
    "config": (1, "config"),
    "dns": (1, "dns"),
    "health": (1, "health"),
    "health.state": (1, "health"),
    "health.select": (1, "health"),
    "health.smtp": (1, "health"),
    "health.steps": (1, "health"),
    "health.certificates": (1, "health"),
    "health.overrides": (1, "health"),
    "table": (2, "table"),
    "health.hostname": (3, "health"),
    "health.link": (3, "health"),
    "health.tls": (3, "health"),
    "health.outgoing": (3, "health"),
    "health.pacer": (3, "health"),
    "health.probe": (3, "health"),
    "health.scheduler": (3, "health"),
    "server": (3, "server"),
    "web": (3, "web"),
    "loading": (3, "loading"),
    "watching": (3, "loading"),
    "store": (3, "store"),
    "checking": (4, "service"),
    "answering": (4, "service"),
    "reloading": (4, "service"),
    "overriding": (4, "service"),
    "shortage": (4, "service"),
    "service": (4, "service"),
    "cli": (5, "person"),
    "demo": (5, "person"),
    "__main__": (5, "person"),
}

# Modules that do I/O, read a clock or toss coins: floors 0 to 2 get these things as arguments.
IMPURE = frozenset({
    "asyncio", "concurrent", "datetime", "fcntl", "glob", "http", "io", "logging",
    "multiprocessing", "os", "random", "secrets", "select", "selectors", "shutil", "signal",
    "socket", "socketserver", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib",
})  # fmt: skip
IMPURE_CALLS = frozenset({"open", "print", "input", "exec", "eval"})

# library -> the places that may import it
OWNERS = {
    "aiohttp": ("web", "service", "cli"),
    "cryptography": ("health.certificates",),
    "click": ("cli", "demo", "__main__"),
    "dns": ("dns.zonefile",),
    "dnslib": ("dns.message",),
    "idna": ("config",),
    "prometheus_client": ("web",),
    "pydantic": ("config",),
    "pydantic_core": ("config",),
    "rich": ("cli",),
    "watchfiles": ("watching",),
    "yaml": ("config",),
}


class Module(NamedTuple):
    """One source file: its dotted name below rrdns, its floor and room, its tree."""

    name: str
    path: Path
    floor: int
    room: str
    tree: ast.Module


def _place(name: str) -> tuple[int, str] | None:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = PLACES.get(".".join(parts[:length]))
        if place is not None:
            return place
    return None


def _modules() -> Iterator[Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        place = _place(name)
        assert place is not None, f"{path.relative_to(ROOT)} has no floor: say which in PLACES"
        yield Module(name, path, *place, ast.parse(path.read_text()))


MODULES = tuple(_modules())
PURE = tuple(module for module in MODULES if module.floor <= 2)
every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name or "rrdns")
every_pure_module = pytest.mark.parametrize(
    "module", PURE, ids=lambda module: module.name or "rrdns"
)


def _imports(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the absolute dotted name of everything that a module imports."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = ["rrdns", *module.name.split(".")]
                if module.path.name != "__init__.py":
                    package.pop()
                kept = package[: len(package) - node.level + 1]
                base = ".".join(part for part in [*kept, base] if part)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


@every_module
def test_a_module_imports_only_its_own_room_and_lower_floors(module: Module) -> None:
    wrong = []
    for line, imported in _imports(module):
        if imported.split(".")[0] != "rrdns":
            continue
        place = _place(imported.removeprefix("rrdns").removeprefix("."))
        # `from rrdns import __version__` names something of the package itself: floor 0.
        floor, room = place if place is not None else PLACES[""]
        if not (floor < module.floor or (room == module.room and floor <= module.floor)):
            wrong.append(f"{module.path.relative_to(ROOT)}:{line}: {imported} (floor {floor})")
    assert wrong == []


def _extensions() -> Iterator[tuple[str, str]]:
    """Yield the extensions' modules and what they import of rrdns, includes' imports too."""
    for kind in CYTHON:
        for path in sorted(PACKAGE.rglob(kind)):
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            for line in path.read_text().splitlines():
                found = re.match(r"(?:from|c?import) rrdns\.([\w.]+)", line)
                if found is not None:
                    yield ".".join(parts), found[1]


def test_an_extension_imports_only_its_own_room_and_lower_floors() -> None:
    wrong = []
    for name, imported in _extensions():
        (own_floor, own_room), (floor, room) = (
            _place(each) or PLACES[""] for each in (name, imported)
        )
        if not (floor < own_floor or (room == own_room and floor <= own_floor)):
            wrong.append(f"{name}: {imported} (floor {floor})")
    assert wrong == []
    assert ("server._loop", "table._native") in _extensions()


@every_module
def test_each_library_is_imported_only_by_its_owner(module: Module) -> None:
    wrong = []
    for line, imported in _imports(module):
        owners = OWNERS.get(imported.split(".")[0])
        if owners is not None and not any(
            module.name == owner or module.name.startswith(owner + ".") for owner in owners
        ):
            wrong.append(f"{module.path.relative_to(ROOT)}:{line}: {imported} is for {owners}")
    assert wrong == []


@every_pure_module
def test_floors_0_to_2_do_no_io_and_read_no_clock(module: Module) -> None:
    wrong = [
        f"{module.path.relative_to(ROOT)}:{line}: {imported}"
        for line, imported in _imports(module)
        if imported.split(".")[0] in IMPURE
        or (imported.startswith("pathlib") and not imported.startswith("pathlib.Pure"))
    ]
    wrong += [
        f"{module.path.relative_to(ROOT)}:{node.lineno}: {node.func.id}()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in IMPURE_CALLS
    ]
    assert wrong == []


def test_the_coverage_gate_asks_for_floors_0_to_2() -> None:
    makefile = (ROOT / "Makefile").read_text()
    patterns = [
        pattern
        for line in re.findall(r"^PURE := (.*)$", makefile, re.MULTILINE)
        for pattern in line.split(",")
        if pattern != "$(PURE)"
    ]
    paths = {
        str(module.path.relative_to(ROOT)): module.floor
        for module in MODULES
        if module.path.name != "__init__.py"
    }
    gated = {path for path in paths if any(fnmatch.fnmatch(path, pattern) for pattern in patterns)}
    assert gated == {path for path, floor in paths.items() if floor <= 2}


def test_files_are_short_and_about_one_thing() -> None:
    sources = [
        path
        for top in ("rrdns", "tests", "bench")
        for kind in ("*.py", *CYTHON)
        for path in sorted((ROOT / top).rglob(kind))
    ]
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}
    assert [str(path) for path in sources if path.stem in ("utils", "util", "helpers")] == []


def _readme_configurations() -> list[str]:
    """Return the README's YAML blocks that are configurations of ours, or parts of one."""
    ours = {"server", "limits", "health", "nodes", "zones", "profiles", "domains"}
    blocks = re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return [block for block in blocks if ours & set(yaml.safe_load(block))]


@pytest.mark.parametrize("text", _readme_configurations())
def test_the_readmes_configurations_load(text: str, tmp_path: Path) -> None:
    whole = {
        "nodes": {"server1": {"primary": "192.0.2.11", "secondary": "192.0.2.12"}},
        "zones": {
            "mx1.example.com": {
                "nameservers": {"ns1.example.net": []},
                "hosts": {"": {"role": "primary"}},
            }
        },
    }
    parts = yaml.safe_load(text)
    # A block that shows one part stands on a minimal configuration; a whole one stays as written.
    text += "".join(
        yaml.safe_dump({key: value}) for key, value in whole.items() if key not in parts
    )
    for file in re.findall(r"file: ([\w.]+)", text):
        (tmp_path / file).write_text("another.test\n")
    path = tmp_path / "rrdns.yaml"
    path.write_text(text)
    assert loading.load(path).config.hosts()
