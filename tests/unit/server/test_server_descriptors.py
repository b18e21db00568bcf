"""The limit of open files, with the system's calls replaced: a process cannot take it back."""

import errno
import logging
import os
import resource
from pathlib import Path

import pytest

from rrdns.server.descriptors import Reserve, share

UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "shares"),
    [
        (1024, 4096, 1756, (1000, 500)),
        (1024, UNLIMITED, 1756, (1000, 500)),
        (1756, 4096, None, (1000, 500)),
        (65536, 65536, None, (1000, 500)),
        (UNLIMITED, UNLIMITED, None, (1000, 500)),
        # Too few: of what is left the probes get half, or what connections leave.
        (256, 1500, 1500, (744, 500)),
        (1024, 1024, 1024, (384, 384)),
        (64, 256, 256, (64, 64)),
        (4, 4, 4, (1, 1)),
    ],
)
def test_it_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    soft: int,
    hard: int,
    raised: int | None,
    shares: tuple[int, int],
) -> None:
    done: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda *arguments: done.append(arguments))
    with caplog.at_level(logging.WARNING):
        assert share(1000, 500) == shares
    assert done == ([] if raised is None else [(resource.RLIMIT_NOFILE, (raised, hard))])
    assert ("raise the limit" in caplog.text) == (shares != (1000, 500))


def test_few_connections_leave_the_rest_to_the_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (1024, 1024))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert share(100, 5000) == (100, 668)
    assert share(5000, 100) == (668, 100)


def test_each_loop_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (1024, 4096))
    done: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, limits: done.append(limits))
    assert share(1000, 500, loops=128) == (1000, 500)
    assert done == [(1000 + 500 + 256 + 3 * 128, 4096)]


def open_now() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_reserve_is_held_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = Reserve(5)
    before = open_now()
    assert reserve.hold()
    assert reserve.hold()
    assert reserve.is_held
    assert open_now() == before + 5
    reserve.let_go()
    reserve.let_go()
    assert open_now() == before
    opened: list[int] = []
    really = os.open

    def three(*words: object) -> int:
        if len(opened) == 3:
            raise OSError(errno.EMFILE, "Too many open files")
        opened.append(really(os.devnull, os.O_RDONLY))
        return opened[-1]

    monkeypatch.setattr(os, "open", three)
    assert not reserve.hold()
    assert not reserve.is_held
    for descriptor in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
