"""`server.user`: a server that was started as root is an ordinary user once it answers."""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Dig
from support.everyone import ROOT, prefix
from support.ports import free_port
from support.programs import missing
from support.serving import configuration, rrdns, serving

USER = "nobody"


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that others than root can enter; pytest's own they cannot."""
    if os.getuid() != 0:
        missing("becoming another user needs root")
    with tempfile.TemporaryDirectory(prefix="rrdns-user-") as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


def _write(directory: Path, port: int, *, user: str = USER, lines: str = "") -> Path:
    path = directory / "rrdns.yaml"
    text = configuration(
        listen=[f"127.0.0.1:{port}"],
        nodes={"server1": "127.0.26.1"},
        directory=directory / "run",
        http=f'"127.0.0.1:{free_port()}"',
    )
    text = text.replace("state_directory: null", f"state_directory: {directory}/state")
    path.write_text(text.replace("server:\n", f"server:\n  user: {user}\n{lines}"))
    return path


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_a_server_started_as_root_gives_up_all_of_it(directory: Path) -> None:
    wanted = pwd.getpwnam(USER)
    # A port that only root may bind.
    port = _low_port()
    path = _write(directory, port)
    dig = Dig("127.0.0.1", port)
    with serving(path, prefix=prefix(directory / "stash")) as server:
        assert dig.addresses("mx1.example.com") == {"127.0.26.1"}
        status = _status(server.process.pid)
        assert status["Uid"].split() == [str(wanted.pw_uid)] * 4
        assert status["Gid"].split() == [str(wanted.pw_gid)] * 4
        assert set(status["Groups"].split()) <= {str(wanted.pw_gid)}
        assert status["NoNewPrivs"] == "1"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        # Each thread by itself: they share the address space, not the credentials.
        for task in Path(f"/proc/{server.process.pid}/task").iterdir():
            text = (task / "status").read_text()
            assert f"Uid:\t{wanted.pw_uid}\t" in text
            assert "CapEff:\t0000000000000000" in text
        # The verbs work, and what is written is the user's.
        assert rrdns("reload", "-c", str(path)).returncode == 0
        assert (directory / "run" / "control.sock").stat().st_uid == wanted.pw_uid
        server.process.terminate()
        assert server.process.wait(timeout=20) == 0
    assert not (directory / "run" / "control.sock").exists()
    assert (directory / "state").stat().st_uid == wanted.pw_uid


def _low_port() -> int:
    for port in range(1023, 600, -1):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port below 1024 is free")


def test_a_file_that_the_user_cannot_read_is_told_of_at_once(directory: Path) -> None:
    port = free_port()
    path = _write(directory, port)
    path.chmod(0o600)
    with serving(path, prefix=prefix(directory / "stash")) as server:
        assert f"{USER} cannot read {path}: a reload will be refused" in server.output
        refused = rrdns("reload", "-c", str(path))
        assert refused.returncode == 1
        assert "Permission denied" in refused.stderr
        assert Dig("127.0.0.1", port).addresses("mx1.example.com") == {"127.0.26.1"}


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("no-such-user", "there is no user no-such-user, which server.user names: make it with"),
        ("root", "server.user is root: name an ordinary user"),
    ],
)
def test_a_user_that_cannot_be_is_refused(directory: Path, user: str, said: str) -> None:
    done = rrdns("serve", "-c", str(_write(directory, free_port(), user=user)))
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_python_that_the_user_cannot_read_is_refused(directory: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="rrdns-closed-") as closed:
        # What mkdtemp makes is root's alone.
        package = Path(closed) / "rrdns"
        shutil.copytree(ROOT / "rrdns", package, ignore=shutil.ignore_patterns("__pycache__"))
        path = _write(directory, free_port())
        words = [*prefix(directory / "stash"), "env", f"--chdir={closed}"]
        done = rrdns("serve", "-c", str(path), prefix=words)
    assert done.returncode == 1
    assert f"{USER} cannot read {package}" in done.stderr


def test_who_is_not_root_cannot_become_another(directory: Path) -> None:
    path = _write(directory, free_port(), user="daemon")
    (directory / "run").mkdir(mode=0o777)
    words = [*prefix(directory / "stash"), "setpriv", "--reuid", USER, "--clear-groups"]
    done = rrdns("serve", "-c", str(path), prefix=words)
    assert done.returncode == 1
    assert "was not started as root; start it as root or as daemon" in done.stderr
