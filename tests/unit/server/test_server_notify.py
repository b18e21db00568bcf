import errno
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rrdns.server.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """The socket that systemd would listen on."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.settimeout(30)
        if request.param == "path":
            listener.bind(str(tmp_path / "notify"))
            monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        else:
            name = f"rrdns-test-{os.getpid()}"
            listener.bind(f"\0{name}")
            monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        yield listener


def test_tells_the_state(manager: socket.socket) -> None:
    with closing(Notifier()) as notifier:
        notifier.tell("READY=1")
        notifier.tell("RELOADING=1\nMONOTONIC_USEC=5")
    notifier.tell("too late")
    assert manager.recv(100) == b"READY=1"
    assert manager.recv(100) == b"RELOADING=1\nMONOTONIC_USEC=5"


def test_without_systemd_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with closing(Notifier()) as notifier:
        notifier.tell("READY=1")
    assert not caplog.records


def test_a_socket_that_is_gone_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with caplog.at_level(logging.WARNING), closing(Notifier()) as notifier:
        notifier.tell("READY=1")
    assert "systemd could not be told 'READY=1': No such file" in caplog.text


def test_it_needs_no_descriptor_to_tell(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with closing(Notifier()) as notifier:
        monkeypatch.setattr(socket, "socket", none_left)
        notifier.tell("WATCHDOG=1")
    assert manager.recv(100) == b"WATCHDOG=1"
