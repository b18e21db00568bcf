"""A run that is told to end: its servers end with it."""

import signal
import subprocess
import sys

_END_SECONDS = 30.0


def end_in_order() -> None:
    """Make SIGTERM and SIGHUP unwind the program, so that whatever it started is ended."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))


def run(words: list[str], timeout_seconds: float) -> "subprocess.CompletedProcess[str]":
    """Run a program that has to end things of its own before it ends itself.

    Raises subprocess.TimeoutExpired.
    """
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            output, errors = process.communicate(timeout=timeout_seconds)
        except BaseException:
            process.terminate()
            try:
                process.communicate(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, output, errors)
