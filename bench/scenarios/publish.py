"""From a verdict to the first answer that knows of it, with many domains and nodes.

One node is refused by its SMTP server (421 as greeting) or by an operator, while its host is asked
again and again. The verdict is said to come when that greeting is sent, and the override when the
request is: so reading the greeting, and HTTP, are in the figures.
"""

import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.control import ask, connected, receive, send
from bench.messages import message
from bench.names import domain_names
from bench.options import Options
from bench.report import Section
from bench.running import Running, free_port, started, workplace
from bench.servers.rrdns import variant
from bench.servers.world import Job
from bench.smtp import Peer, serving

DOMAINS = 100_000
NODES = 50
CHANGES = 20
_POOL = 3  # nodes of the host that is asked
_WATCHED = "127.3.0.1"
_INTERVAL_SECONDS = 0.3
# Changes that come sooner after one another are published together.
_APART_SECONDS = 0.15
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Asks for the host whose node changes."""

    asking: socket.socket
    query: bytes

    def until(self, *, answered: bool) -> float:
        """Ask until the node is in an answer, or is not; return when that answer came.

        Raises TimeoutError.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        address = socket.inet_aton(_WATCHED)
        while time.monotonic() < end:
            self.asking.send(self.query)
            reply = self.asking.recv(4096)
            if (address in reply) == answered:
                return time.monotonic()
        raise TimeoutError(f"the answers do not change within {_PATIENCE_SECONDS:g} s")


def after_a_verdict(options: Options) -> list[Section]:
    """Change the health of one node again and again, by probes and by overrides."""
    names = domain_names(options.size(DOMAINS, 500))
    port, watched_port = free_port(), free_port()
    server = variant(
        "rrdns",
        options.executor,
        answers=False,
        health=f"check: ehlo, port: {port}",
        nodes=nodes(watched_port),
        hosts="      watched: {role: primary, pool: watched}\n",
    )
    count = options.size(CHANGES, 3)
    with (
        workplace() as directory,
        serving(options.smtp, port),
        serving(options.smtp, watched_port, _WATCHED, directory / "connections") as peer,
        started([server], Job(Path(), 0, domains=names)) as (one,),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking,
    ):
        asking.settimeout(_PATIENCE_SECONDS)
        asking.connect(("127.0.0.1", one.port))
        watch = Watch(asking, message(1, "watched.example.com", "A"))
        watch.until(answered=True)
        compiled: list[float] = []

        def changed() -> None:
            compiled.append(_publish_seconds(one))

        by_probe = [_by_probe(watch, peer, changed) for _ in range(count)]
        by_override = [_by_override(watch, one, changed) for _ in range(count)]
    lines = [
        f"| from, to the first changed answer ({len(names):,} domains, {NODES} nodes) "
        "| median ms | lowest to highest |",
        "|---|--:|--:|",
        _line("a failed probe's greeting", by_probe),
        _line("an operator's request", by_override),
        _line("of which compiling and publishing, by the server's own metric", compiled),
    ]
    figures = {
        "verdict_ms": median(by_probe) * 1e3,
        "override_ms": median(by_override) * 1e3,
        "compile_ms": median(compiled) * 1e3,
    }
    title = f"Publish after a change of health, {options.executor} executor"
    return [Section("publish", title, lines, figures)]


def nodes(watched_port: int) -> str:
    """Return the configuration's lines for all nodes; one of them is probed at its own port."""
    watched = (
        f"{{port: {watched_port}, interval: {_INTERVAL_SECONDS}, "
        f"fast_interval: {_INTERVAL_SECONDS}, fall: 1, rise: 1}}"
    )
    lines = [f"  watched: {{primary: {_WATCHED}, pool: watched, health: {watched}}}\n"]
    for number in range(1, NODES):
        pool = ", pool: watched" if number < _POOL else ""
        lines.append(
            f"  node{number}: {{primary: 127.1.0.{number}, secondary: 127.2.0.{number}{pool}}}\n"
        )
    return "".join(lines)


def _by_probe(watch: Watch, peer: Peer, changed: Callable[[], None]) -> float:
    peer.refuse()
    seen = watch.until(answered=False)
    greeted = max(at for at, _ in peer.connections() if at < seen)
    changed()
    peer.accept()
    watch.until(answered=True)
    time.sleep(_APART_SECONDS)
    return seen - greeted


def _by_override(watch: Watch, server: Running, changed: Callable[[], None]) -> float:
    control, path = server.directory / "rrdns.sock", "/api/v1/nodes/watched"
    connection = connected(control)
    try:
        began = time.monotonic()
        send(connection, "PUT", path, {"state": "down"})
        seen = watch.until(answered=False)
        receive(connection)
    finally:
        connection.close()
    changed()
    ask(control, "PUT", path, {"state": "auto"})
    watch.until(answered=True)
    time.sleep(_APART_SECONDS)
    return seen - began


def _publish_seconds(server: Running) -> float:
    text = ask(server.directory / "rrdns.sock", "GET", "/metrics")
    found = re.search(r"^rrdns_table_publish_seconds (\S+)", text, re.MULTILINE)
    if found is None:
        raise RuntimeError("no rrdns_table_publish_seconds in the metrics")
    return float(found[1])


def _line(what: str, seconds: Sequence[float]) -> str:
    return (
        f"| {what} | {median(seconds) * 1e3:.2f} "
        f"| {min(seconds) * 1e3:.2f} to {max(seconds) * 1e3:.2f} |"
    )
