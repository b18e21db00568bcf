"""The limit of open files, with the system's calls replaced: a process cannot take it back."""

import logging
import resource

import pytest

from rrdns.server.descriptors import allow_connections

UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "warns"),
    [
        (1024, 4096, 2024, False),
        (1024, UNLIMITED, 2024, False),
        (2024, 4096, None, False),
        (65536, 65536, None, False),
        (UNLIMITED, UNLIMITED, None, False),
        (256, 1500, 1500, True),
        (1500, 1500, 1500, True),
    ],
)
def test_it_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    soft: int,
    hard: int,
    raised: int | None,
    warns: bool,
) -> None:
    done: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda *arguments: done.append(arguments))
    with caplog.at_level(logging.WARNING):
        allow_connections(1000)
    assert done == ([] if raised is None else [(resource.RLIMIT_NOFILE, (raised, hard))])
    assert ("raise the limit" in caplog.text) == warns
