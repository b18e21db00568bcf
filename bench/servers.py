"""The servers that are compared, each set up for the same job as its users would.

One worker on one port of 127.0.0.1, logging and rate limiting off, nothing kept on disk but in the
round's directory. All have the same answers: mx1 to mx4 of example.com with three addresses each,
rotated, and customer.test with four MX records.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PRIMARIES = ("192.0.2.11", "192.0.2.21", "192.0.2.31")
SECONDARIES = ("192.0.2.12", "192.0.2.22", "192.0.2.32")
HOSTS = {"mx1": PRIMARIES, "mx2": SECONDARIES, "mx3": SECONDARIES, "mx4": SECONDARIES}
PREFERENCES = {"mx1": 10, "mx2": 20, "mx3": 30, "mx4": 40}

# Below it every server has a referral to give.
_DELEGATION = "away NS ns1.elsewhere.test.\n"
_HEAD = """\
$TTL 3600
@ SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 60
@ NS ns1.example.com.
"""
_DOMAIN = _HEAD + "".join(
    f"@ MX {preference} {host}.example.com.\n" for host, preference in PREFERENCES.items()
)


@dataclass(frozen=True, slots=True)
class Server:
    """One program: `write` makes its files in a directory and returns its command line."""

    name: str
    find: Callable[[], str | None]
    write: Callable[[str, Path, int], list[str]]


def _write_zones(directory: Path) -> None:
    hosts = "".join(
        f"{host} 60 A {address}\n" for host, addresses in HOSTS.items() for address in addresses
    )
    (directory / "example.com.zone").write_text(f"{_HEAD}ns1 A 127.0.0.1\n{_DELEGATION}{hosts}")
    (directory / "customer.test.zone").write_text(_DOMAIN)


def write_rrdns(
    program: str, directory: Path, port: int, limits: str = "responses_per_second: 0"
) -> list[str]:
    """Set up rrdns: hosts over nodes, the domain by its profile, no probes to wait for.

    `limits` is what stands in the braces of the configuration's key of this name.
    """
    nodes = "".join(
        f"  server{number}: {{primary: {primary}, secondary: {secondary}}}\n"
        for number, (primary, secondary) in enumerate(zip(PRIMARIES, SECONDARIES, strict=True), 1)
    )
    mx = ", ".join(f'"{number} {host}.example.com."' for host, number in PREFERENCES.items())
    (directory / "rrdns.yaml").write_text(f"""\
server:
  listen: ["127.0.0.1:{port}"]
  http: null
  control: {directory}/rrdns.sock
  state_directory: null
  udp_workers: 1
limits: {{{limits}}}
health: {{check: none}}
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
profiles:
  default: {{nameservers: [ns1.example.com.], mx: [{mx}]}}
domains:
  - {{profile: default, names: [customer.test]}}
""")
    return [program, "-m", "rrdns", "-c", str(directory / "rrdns.yaml"), "serve"]


def write_nsd(program: str, directory: Path, port: int) -> list[str]:
    """Set up NSD with one server process and rotation; a TCP connection may ask for ever."""
    _write_zones(directory)
    (directory / "nsd.conf").write_text(f"""\
server:
    ip-address: 127.0.0.1@{port}
    server-count: 1
    username: ""
    chroot: ""
    database: ""
    zonesdir: "{directory}"
    pidfile: "{directory}/nsd.pid"
    zonelistfile: "{directory}/zone.list"
    xfrdfile: "{directory}/xfrd.state"
    xfrdir: "{directory}"
    logfile: "/dev/null"
    verbosity: 0
    tcp-query-count: 0
    tcp-count: 250
    round-robin: yes
    minimal-responses: yes
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: example.com
    zonefile: example.com.zone
zone:
    name: customer.test
    zonefile: customer.test.zone
""")
    return [program, "-d", "-c", str(directory / "nsd.conf")]


def write_knot(program: str, directory: Path, port: int) -> list[str]:
    """Set up Knot DNS with one worker for each transport, and rotation."""
    _write_zones(directory)
    (directory / "knot.conf").write_text(f"""\
server:
    listen: 127.0.0.1@{port}
    rundir: "{directory}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    tcp-max-clients: 250
    answer-rotation: on
log:
  - target: stderr
    any: critical
database:
    storage: "{directory}"
template:
  - id: default
    storage: "{directory}"
    file: "%s.zone"
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: example.com
  - domain: customer.test
""")
    return [program, "-c", str(directory / "knot.conf")]


def write_gdnsd(program: str, directory: Path, port: int) -> list[str]:
    """Set up gdnsd with a thread for each transport; its multifo plugin rotates the hosts."""
    (directory / "zones").mkdir()
    resources = "".join(
        f"    {host} => {{ service_types => up, "
        + ", ".join(f"s{number} => {address}" for number, address in enumerate(addresses, 1))
        + " }\n"
        for host, addresses in HOSTS.items()
    )
    (directory / "config").write_text(f"""\
options => {{
  listen => 127.0.0.1:{port}
  udp_threads => 1
  tcp_threads => 1
  tcp_clients_per_thread => 250
  run_dir => {directory}
  state_dir => {directory}
}}
plugins => {{
  multifo => {{
{resources}  }}
}}
""")
    hosts = "".join(f"{host} 60 DYNA multifo!{host}\n" for host in HOSTS)
    (directory / "zones/example.com").write_text(f"{_HEAD}ns1 A 127.0.0.1\n{_DELEGATION}{hosts}")
    (directory / "zones/customer.test").write_text(_DOMAIN)
    return [program, "-c", str(directory), "start"]


def write_bind(program: str, directory: Path, port: int) -> list[str]:
    """Set up BIND with one thread, no recursion, and rotation."""
    _write_zones(directory)
    zones = "".join(
        f'zone "{zone}" {{ type primary; file "{directory}/{zone}.zone"; }};\n'
        for zone in ("example.com", "customer.test")
    )
    (directory / "named.conf").write_text(f"""\
options {{
  directory "{directory}";
  pid-file "{directory}/named.pid";
  session-keyfile "{directory}/session.key";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
  querylog no;
  tcp-clients 250;
  minimal-responses yes;
  rrset-order {{ order cyclic; }};
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
{zones}""")
    return [program, "-f", "-n", "1", "-c", str(directory / "named.conf")]


def _program(name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")

    return find


SERVERS = (
    Server("rrdns", lambda: sys.executable, write_rrdns),
    Server("nsd", _program("nsd"), write_nsd),
    Server("knot", _program("knotd"), write_knot),
    Server("gdnsd", _program("gdnsd"), write_gdnsd),
    Server("bind", _program("named"), write_bind),
)
