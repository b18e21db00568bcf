"""The servers that look after nodes, with their defaults and with settings for speed."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.failover.events import PORT, Kind
from bench.servers.powerdns import ifportup, settings
from bench.servers.world import ZONE, installed

Hosts = Mapping[Kind, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One server with its settings: `write` makes its files and returns its command line."""

    name: str
    settings: str
    find: Callable[[], str | None]
    write: Callable[[str, Path, int, Hosts], list[str]]


def write_rrdns(program: str, directory: Path, port: int, hosts: Hosts) -> list[str]:
    """Set up rrdns with its defaults: each kind of failure is a role that three nodes have."""
    nodes = "".join(f"  {kind.value}: {{{kind.value}: {own[0]}}}\n" for kind, own in hosts.items())
    healthy = sorted({address for own in hosts.values() for address in own[1:]})
    nodes += "".join(
        f"  healthy{number}: {{{', '.join(f'{kind.value}: {address}' for kind in hosts)}}}\n"
        for number, address in enumerate(healthy, 1)
    )
    names = "".join(f"      {kind.value}: {{role: {kind.value}}}\n" for kind in hosts)
    (directory / "rrdns.yaml").write_text(f"""\
server:
  listen: ["127.0.0.1:{port}"]
  http: null
  control: {directory}/rrdns.sock
  state_directory: null
nodes:
{nodes}zones:
  example.com:
    nameservers: {{ns1: [127.0.0.1]}}
    hosts:
{names}""")
    return [program, "-m", "rrdns", "-c", str(directory / "rrdns.yaml"), "serve"]


def write_gdnsd(
    program: str, directory: Path, port: int, hosts: Hosts, thresholds: str = ""
) -> list[str]:
    """Set up gdnsd with its check by connecting; `thresholds` are more settings of it."""
    (directory / "zones").mkdir()
    resources = "".join(
        f"    {kind.value} => {{ service_types => smtp, "
        + ", ".join(f"n{number} => {address}" for number, address in enumerate(own, 1))
        + " }\n"
        for kind, own in hosts.items()
    )
    (directory / "config").write_text(f"""\
options => {{
  listen => 127.0.0.1:{port}
  run_dir => {directory}
  state_dir => {directory}
}}
service_types => {{ smtp => {{ plugin => tcp_connect, port => {PORT}{thresholds} }} }}
plugins => {{
  multifo => {{
{resources}  }}
}}
""")
    names = "".join(f"{kind.value} 60 DYNA multifo!{kind.value}\n" for kind in hosts)
    (directory / "zones/example.com").write_text(ZONE + names)
    return [program, "-c", str(directory), "start"]


def write_powerdns(
    program: str, directory: Path, port: int, hosts: Hosts, more: str = ""
) -> list[str]:
    """Set up PowerDNS with LUA records (ifportup); `more` are lines of its configuration."""
    names = "".join(
        f'{kind.value} 60 LUA A "{ifportup(own, PORT)}"\n' for kind, own in hosts.items()
    )
    zone = directory / "example.com.zone"
    zone.write_text(ZONE + names)
    (directory / "named.conf").write_text(
        f'zone "example.com" {{ type master; file "{zone}"; }};\n'
    )
    (directory / "pdns.conf").write_text(settings(directory, port, 1, more))
    return [program, f"--config-dir={directory}"]


CONTESTANTS = (
    Contestant(
        "rrdns",
        "its defaults: EHLO every 3 s, every 0.5 s while a change is confirmed, fall 2, rise 3",
        lambda: sys.executable,
        write_rrdns,
    ),
    Contestant(
        "gdnsd",
        "its defaults: tcp_connect every 10 s, down_thresh 10, up_thresh 20",
        installed("gdnsd"),
        write_gdnsd,
    ),
    Contestant(
        "gdnsd, 3 s",
        "rrdns's settings as far as it has them: every 3 s, down_thresh 2, up_thresh 3",
        installed("gdnsd"),
        partial(
            write_gdnsd,
            thresholds=", interval => 3, timeout => 2, "
            "down_thresh => 2, ok_thresh => 1, up_thresh => 3",
        ),
    ),
    Contestant(
        "PowerDNS",
        "its defaults: ifportup every 5 s, one failure takes out",
        installed("pdns_server"),
        write_powerdns,
    ),
    Contestant(
        "PowerDNS, 1 s",
        "ifportup every second",
        installed("pdns_server"),
        partial(write_powerdns, more="lua-health-checks-interval=1\n"),
    ),
)
