"""The demo as a whole: ports, nodes, configuration, the server, and what to try."""

import asyncio
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple, NoReturn, cast

import click

from rrdns.errors import StartError
from rrdns.loading import load
from rrdns.service import serve

IPV4 = "127.0.0.1"
IPV6 = "::1"
# node -> its primary and its secondary address
ADDRESSES = {
    "server1": ("127.0.1.1", "127.0.2.1"),
    "server2": ("127.0.1.2", "127.0.2.2"),
    "server3": ("127.0.1.3", "127.0.2.3"),
}
END_SECONDS = 5.0


class NodeProcess(NamedTuple):
    """A running node: its name, its process, and the port of all its addresses."""

    name: str
    process: subprocess.Popen[str]
    port: int


def run(port: int, http_port: int, smtp_port: int) -> None:
    """Run the demo until Ctrl-C or SIGTERM; a port of 0 stands for any free one.

    Raises StartError where a port is taken. Processes and files of the demo are gone afterwards.
    """
    signal.signal(signal.SIGTERM, _leave)
    listen = [IPV4, IPV6] if _has_ipv6() else [IPV4]
    port = port or _free_port(listen)
    http_port = http_port or _free_port([IPV4])
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rrdns-demo-"))
        nodes = [stack.enter_context(_node(name, smtp_port)) for name in ADDRESSES]
        path = Path(directory, "rrdns.yaml")
        path.write_text(configuration(listen, port, http_port, nodes))
        text = advice(path, port, http_port, nodes)
        asyncio.run(_serve(path, text))


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


async def _serve(path: Path, text: str) -> None:
    def announce(_line: str) -> None:
        # A closed terminal ends the demo, where it would make a server reload.
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, signal.raise_signal, signal.SIGTERM)
        click.echo(text)

    try:
        await serve(load(path), notify=False, announce=announce)
    finally:
        # The end is under way: a second signal (make passes on what it gets, too) must not cut it
        # short and leave something behind.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def configuration(
    listen: Sequence[str], port: int, http_port: int, nodes: Sequence[NodeProcess]
) -> str:
    """Return the demo's configuration as YAML."""
    endpoints = ", ".join(
        f'"[{address}]:{port}"' if ":" in address else f'"{address}:{port}"' for address in listen
    )
    lines = "\n".join(
        f"  {node.name}: {{primary: {ADDRESSES[node.name][0]}, "
        f"secondary: {ADDRESSES[node.name][1]}, health: {{port: {node.port}}}}}"
        for node in nodes
    )
    return f"""\
# The configuration of `rrdns demo`: it lives as long as the demo does.
server:
  listen: [{endpoints}]
  http: "{IPV4}:{http_port}"
  control: control.sock
  state_directory: null

health: {{interval: 2s}}

nodes:
{lines}

zones:
  example.com:
    nameservers: {{ns1: {IPV4}, ns2: {IPV4}}}
    hosts:
      mx1: {{role: primary}}
      mx2: {{role: secondary}}
      mx3: {{role: secondary}}
      mx4: {{role: secondary}}

profiles:
  default:
    nameservers: [ns1.example.com., ns2.example.com.]
    mx: ["10 mx1.example.com.", "20 mx2.example.com.", "30 mx3.example.com.", "40 mx4.example.com."]

domains:
  - {{profile: default, names: [customer.test]}}
"""


def advice(path: Path, port: int, http_port: int, nodes: Sequence[NodeProcess]) -> str:
    """Return what a person can try with the demo: the commands, ready to be copied."""
    stops = "\n".join(
        f"  {node.name}  {', '.join(ADDRESSES[node.name])}"
        f"  stop: kill -USR1 {node.process.pid}   start: kill -USR2 {node.process.pid}"
        for node in nodes
    )
    return f"""
The demo is ready. Ask it:
  dig @{IPV4} -p {port} mx1.example.com A +short
  dig @{IPV4} -p {port} customer.test MX +short
  curl http://{IPV4}:{http_port}/metrics
  {_program()} status -c {path}

Stop a node, see its addresses leave the answers within 4 seconds, and start it again:
{stops}

Ctrl-C ends the demo and everything that belongs to it.
"""


def _program() -> str:
    started_as = Path(sys.argv[0])
    if started_as.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m rrdns"
    return started_as.name if shutil.which(started_as.name) else shlex.quote(str(started_as))


@contextmanager
def _node(name: str, port: int) -> Iterator[NodeProcess]:
    command = [sys.executable, "-m", "rrdns.demo.node", name, str(port), *ADDRESSES[name]]
    with subprocess.Popen(  # noqa: S603 - our own program with our own arguments
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        stdin, stdout = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        try:
            word, _, rest = stdout.readline().strip().partition(" ")
            if word != "listening":
                reason = f"{word} {rest}".strip() or "its process ended"
                raise StartError(f"the demo's node {name} cannot start: {reason}")
            yield NodeProcess(name, process, int(rest))
        finally:
            stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind((IPV6, 0))
    except OSError:
        return False
    return True


def _free_port(addresses: Sequence[str]) -> int:
    """Return a port that is free for UDP and TCP on all of the addresses."""
    while True:
        with ExitStack() as stack:
            port = 0
            try:
                for address in addresses:
                    family = socket.AF_INET6 if ":" in address else socket.AF_INET
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        sock = stack.enter_context(socket.socket(family, kind))
                        sock.bind((address, port))
                        port = sock.getsockname()[1]
            except OSError:
                continue
            return port
