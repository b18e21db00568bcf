"""A program on a terminal of its own: what a person types there, and what comes of it."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from support.programs import require_program

DEADLINE_SECONDS = 30.0


class Terminal:
    """The person's side of a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._screen = ""

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._descriptor, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until `text` was shown after what was waited for before."""
        end = time.monotonic() + DEADLINE_SECONDS
        while text not in self._screen:
            left = max(0.0, end - time.monotonic())
            ready, _, _ = select.select([self._descriptor], [], [], left)
            assert ready, f"no {text!r} on the terminal: {self._screen!r}"
            self._screen += os.read(self._descriptor, 4096).decode(errors="replace")
        _, _, self._screen = self._screen.partition(text)


@contextmanager
def terminal(command: Sequence[str], env: Mapping[str, str]) -> Iterator[Terminal]:
    """Run a program on a terminal while the block runs; `env` is all of its environment."""
    # Its controlling terminal, as a login has it: job control asks for that.
    words = [require_program("setsid"), "--ctty", *command]
    person, program = pty.openpty()
    with os.fdopen(person, "wb", buffering=0), os.fdopen(program, "wb") as inside:
        process = subprocess.Popen(words, stdin=inside, stdout=inside, stderr=inside, env=env)
        try:
            yield Terminal(person)
        finally:
            process.kill()
            process.wait()
