"""rrdns with each of its executors: hosts over nodes, domains by their profile."""

import importlib.util
import sys
from collections.abc import Callable

from bench.servers.world import PREFERENCES, PRIMARIES, SECONDARIES, Job, Server

NATIVE, PYTHON = "rrdns", "rrdns-python"
_EXTENSIONS = ("rrdns.table._native", "rrdns.server._loop")
NO_LIMIT = "responses_per_second: 0"
NO_PROBES = "check: none"


def native_is_built() -> bool:
    """Tell whether both halves of the compiled executor can be imported."""
    try:
        return all(importlib.util.find_spec(name) for name in _EXTENSIONS)
    except ModuleNotFoundError:
        return False


def write(
    program: str,
    job: Job,
    *,
    executor: str,
    limits: str = NO_LIMIT,
    health: str = NO_PROBES,
    nodes: str | None = None,
    hosts: str = "",
) -> list[str]:
    """Set rrdns up.

    `limits` and `health` are what stands in the braces of the configuration's keys of these names.
    `nodes` are the lines of that key, by default the addresses that all servers have; `hosts` are
    lines for more hosts.
    """
    if nodes is None:
        pairs = zip(PRIMARIES, SECONDARIES, strict=True)
        nodes = "".join(
            f"  server{number}: {{primary: {primary}, secondary: {secondary}}}\n"
            for number, (primary, secondary) in enumerate(pairs, 1)
        )
    mx = ", ".join(f'"{number} {host}.example.com."' for host, number in PREFERENCES.items())
    (job.directory / "domains.txt").write_text("".join(f"{name}\n" for name in job.domains))
    (job.directory / "rrdns.yaml").write_text(f"""\
server:
  listen: ["127.0.0.1:{job.port}"]
  http: null
  control: {job.directory}/rrdns.sock
  state_directory: null
  udp_workers: {job.workers}
  executor: {executor}
limits: {{{limits}}}
health: {{{health}}}
nodes:
{nodes}zones:
  example.com:
    nameservers: {{ns1: [127.0.0.1]}}
    records:
      away: {{type: NS, values: [ns1.elsewhere.test.]}}
    hosts:
      mx1: {{role: primary}}
      mx2: {{role: secondary}}
      mx3: {{role: secondary}}
      mx4: {{role: secondary}}
{hosts}profiles:
  default: {{nameservers: [ns1.example.com.], mx: [{mx}]}}
domains:
  - {{profile: default, file: domains.txt}}
""")
    return [program, "-m", "rrdns", "-c", str(job.directory / "rrdns.yaml"), "serve"]


def variant(name: str, executor: str, *, answers: bool = True, **settings: str) -> Server:
    """Return rrdns with an executor and other settings of `write` under a name.

    `answers` is false where its settings make it answer otherwise than all servers do.
    """

    def find() -> str | None:
        return sys.executable if executor == "python" or native_is_built() else None

    write_variant: Callable[[str, Job], list[str]] = lambda program, job: write(  # noqa: E731
        program, job, executor=executor, **settings
    )
    return Server(name, find, write_variant, answers)
