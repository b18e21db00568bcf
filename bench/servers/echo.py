"""The limit of the socket path: a program that receives and sends, and does nothing in between."""

from pathlib import Path

from bench.servers.world import Job, Server

ECHO = "echo"


def echo(compiled: Path) -> Server:
    """Return the echo as a server; it is no name server and knows nothing."""

    def write(program: str, job: Job) -> list[str]:
        return [program, str(job.port), str(job.workers)]

    return Server(ECHO, lambda: str(compiled), write, answers=False)
