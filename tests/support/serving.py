"""A real `rrdns serve`, and SMTP nodes for it to watch."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.processes import Background, background

RRDNS = [sys.executable, "-m", "rrdns"]
SMTP_NODE = Path(__file__).with_name("smtp_node.py")


def configuration(
    *,
    listen: Sequence[str],
    nodes: Mapping[str, str],
    directory: Path,
    http: str = "null",
    health: str = "check: none",
    limits: str = "",
    server: str = "",
) -> str:
    """Return a configuration: mx1 and mx2 over the nodes' primary addresses, and a domain.

    `server` are more lines of that key, indented by two.
    """
    listed = "".join(f"  {name}: {{primary: {address}}}\n" for name, address in nodes.items())
    places = ", ".join(f'"{place}"' for place in listen)
    return f"""\
server:
  listen: [{places}]
  http: {http}
  control: {directory}/control.sock
  state_directory: null
{server}limits: {{{limits}}}
health: {{{health}}}
nodes:
{listed}zones:
  example.com:
    nameservers: {{ns1: [198.51.100.53], ns2: [203.0.113.53]}}
    hosts:
      mx1: {{role: primary}}
      mx2: {{role: primary}}
    records:
      www: {{type: A, ttl: 300, values: [192.0.2.80]}}
profiles:
  default:
    nameservers: [ns1.example.com., ns2.example.com.]
    mx: ["10 mx1.example.com.", "20 mx2.example.com."]
domains:
  - {{profile: default, names: [customer.test]}}
"""


@contextmanager
def serving(
    path: Path,
    *,
    prefix: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    ready: str = "ready listen=",
) -> Iterator[Background]:
    """Run `rrdns serve` with a configuration until it says ready; stop it after the block."""
    command = [*prefix, *RRDNS, "-c", str(path), "serve"]
    with background(command, path.with_suffix(".log"), env) as server:
        # Not "already", which a remark of check-config may have.
        server.wait_for_output(ready)
        yield server


def rrdns(*words: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run the command line with some words to its end."""
    return subprocess.run(
        [*prefix, *RRDNS, *words], capture_output=True, text=True, timeout=30, check=False
    )


def start_node(places: Sequence[str], output: Path, prefix: Sequence[str] = ()) -> Background:
    """Start one SMTP node on places written ADDRESS:PORT; returns once it listens."""
    node = Background([*prefix, sys.executable, str(SMTP_NODE), *places], output)
    node.wait_for_output("serving")
    return node


@contextmanager
def nodes_at(
    places: Mapping[str, Sequence[str]], directory: Path, prefix: Sequence[str] = ()
) -> Iterator[dict[str, Background]]:
    """Run SMTP nodes by name; a test may kill one and put another in its place."""
    nodes: dict[str, Background] = {}
    try:
        for name, own in places.items():
            nodes[name] = start_node(own, directory / f"{name}.log", prefix)
        yield nodes
    finally:
        for node in nodes.values():
            node.kill()


def fetch(url: str) -> str:
    """Return the body of a URL; raises urllib's errors."""
    with urllib.request.urlopen(url, timeout=5) as reply:
        text: str = reply.read().decode()
        return text
