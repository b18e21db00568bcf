"""Programs that run beside a test, with their output kept for the failure's message."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from support.waiting import wait_until


class Background:
    """A running program whose standard output and error go to one file."""

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.output_path = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                # A session of its own: what the program started can be ended with it.
                start_new_session=True,
                pass_fds=pass_fds,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            )

    @property
    def pid(self) -> int:
        """The process; `ip netns exec` becomes the program, so this is the program's own."""
        return self.process.pid

    @property
    def output(self) -> str:
        """Everything that was printed so far."""
        return self.output_path.read_text(errors="replace")

    def wait_for_output(self, text: str, deadline_seconds: float = 20.0) -> str:
        """Return the output once it has `text`; AssertionError where the program ends before."""

        def found() -> bool:
            ended = self.process.poll()
            if text in self.output:
                return True
            assert ended is None, f"ended with {ended} before {text!r}: {self.output}"
            return False

        wait_until(found, deadline_seconds, f"{text!r} in the output of {self.process.args!r}")
        return self.output

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        self.process.send_signal(number)

    def wait(self, deadline_seconds: float = 10.0) -> int:
        """Return the exit status."""
        return self.process.wait(deadline_seconds)

    def kill(self) -> None:
        """End the program and what it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End the program as an operator would; after 10 s at once."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"SIGTERM did not end it: {self.output}") from None


@contextmanager
def background(
    command: Sequence[str], output: Path, env: Mapping[str, str] | None = None
) -> Iterator[Background]:
    """Run a program while the block runs."""
    program = Background(command, output, env)
    try:
        yield program
        program.stop()
    finally:
        program.kill()
