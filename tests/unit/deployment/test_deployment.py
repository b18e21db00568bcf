"""The unit file and the Dockerfile fit the project: what can be seen without starting either."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rrdns.config.schema import DEFAULT_LISTEN

ROOT = Path(__file__).parent.parent.parent.parent
UNIT = ROOT / "systemd" / "rrdns.service"
SOCKET = ROOT / "systemd" / "rrdns.socket"
INSTALLED = "/opt/rrdns/.venv/bin/rrdns"


# --- systemd ----------------------------------------------------------------------------------


def settings(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def test_the_unit_starts_and_reloads_what_is_installed() -> None:
    unit = settings(UNIT.read_text())
    assert unit["ExecStart"] == [f"{INSTALLED} -c /etc/rrdns/rrdns.yaml serve"]
    assert unit["ExecReload"] == [f"{INSTALLED} -c /etc/rrdns/rrdns.yaml reload"]


def test_the_unit_gives_what_the_design_asks_of_it() -> None:
    unit = settings(UNIT.read_text())
    assert unit["Type"] == ["notify"]
    assert unit["User"] == ["rrdns"]
    assert unit["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    assert unit["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert unit["RuntimeDirectory"] == ["rrdns"]
    assert unit["StateDirectory"] == ["rrdns"]
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert "WatchdogSec" in unit


def test_the_control_socket_may_be_given_to_a_group() -> None:
    # @privileged has chown; a later line gives it back.
    assert settings(UNIT.read_text())["SystemCallFilter"] == [
        "@system-service",
        "~@privileged @resources",
        "@chown",
    ]


@pytest.fixture
def installed_unit(tmp_path: Path) -> Path:
    """Return the unit with a program that this machine has: systemd wants to find it."""
    unit = tmp_path / "rrdns.service"
    unit.write_text(UNIT.read_text().replace(INSTALLED, "/bin/true"))
    return unit


def test_the_socket_unit_holds_what_the_default_configuration_listens_on() -> None:
    unit = settings(SOCKET.read_text())
    wanted = [str(endpoint) for endpoint in DEFAULT_LISTEN]
    assert unit["ListenDatagram"] == unit["ListenStream"] == wanted
    assert unit["BindIPv6Only"] == ["ipv6-only"]
    assert unit["ReceiveBuffer"] == ["64M"]
    # One service for all connections, and the one of the same name.
    assert "Accept" not in unit
    assert "Service" not in unit


def analyze(program: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_systemd_understands_every_line(
    installed_unit: Path, require_program: Callable[[str], str]
) -> None:
    code, said = analyze(
        require_program("systemd-analyze"),
        "verify",
        "--man=no",
        "--recursive-errors=no",
        str(installed_unit),
        str(SOCKET),
    )
    # It may complain of other units of the machine.
    assert [line for line in said.splitlines() if "rrdns" in line] == []
    assert code == 0


def test_systemd_finds_little_exposed(
    installed_unit: Path, require_program: Callable[[str], str]
) -> None:
    code, said = analyze(
        require_program("systemd-analyze"),
        "security",
        "--offline=true",
        "--no-pager",
        "--threshold=16",
        str(installed_unit),
    )
    assert code == 0, said


# --- Docker -----------------------------------------------------------------------------------


class Instruction(NamedTuple):
    stage: int
    word: str
    rest: str


def dockerfile() -> list[Instruction]:
    """Return the instructions with the number of their stage, the first one's being 0."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = []
    stage = -1
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found.append(Instruction(stage, word, " ".join(rest.split())))
    return found


def last_stage(word: str) -> list[str]:
    instructions = dockerfile()
    return [one.rest for one in instructions if (one.stage, one.word) == (1, word)]


def test_the_image_is_built_in_two_stages_of_one_python() -> None:
    stages = [one.rest for one in dockerfile() if one.word == "FROM"]
    assert stages == ["${BUILD_IMAGE} AS build", "${IMAGE}"]
    (_, *bases) = [one.rest for one in dockerfile() if one.word == "ARG"]
    assert bases == [
        "BUILD_IMAGE=python:${PYTHON_VERSION}-slim",
        "IMAGE=python:${PYTHON_VERSION}-slim",
    ]
    assert last_stage("COPY") == ["--from=build /opt/rrdns /opt/rrdns"]


def test_the_image_is_built_with_a_python_that_the_project_supports() -> None:
    default = next(one.rest for one in dockerfile() if one.word == "ARG")
    minor = int(default.removeprefix("PYTHON_VERSION=3."))
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert minor >= int(wanted.removeprefix(">=3."))


def test_the_compiler_stays_behind_and_what_it_makes_is_required() -> None:
    build = [one.rest for one in dockerfile() if one.stage == 0]
    assert "RRDNS_NATIVE=require" in build
    assert not any("gcc" in rest or "apt-get" in rest for rest in last_stage("RUN"))


def test_hadolint_finds_nothing_wrong(require_program: Callable[[str], str]) -> None:
    # It comes with the development tools, in the same directory as this Python.
    tool = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    code, said = analyze(tool or require_program("hadolint"), str(ROOT / "Dockerfile"))
    assert (code, said) == (0, "")


def test_the_server_in_the_image_is_not_root_and_tells_its_health() -> None:
    assert last_stage("USER") == ["10053:10053"]
    assert last_stage("STOPSIGNAL") == ["SIGTERM"]
    assert last_stage("EXPOSE") == ["53/udp 53/tcp 9353/tcp"]
    assert last_stage("ENTRYPOINT") == ['["rrdns"]']
    assert last_stage("CMD") == ['["-c", "/etc/rrdns/rrdns.yaml", "serve"]']
    (health,) = last_stage("HEALTHCHECK")
    assert "http://127.0.0.1:9353/healthz" in health


def test_what_the_image_is_built_from_is_there_and_is_let_in() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for one in dockerfile():
        if (one.stage, one.word) == (0, "COPY"):
            *sources, _ = one.rest.split()
            for source in sources:
                name = source.removeprefix("./")
                assert (ROOT / name).exists()
                assert f"!{name}" in ignored
