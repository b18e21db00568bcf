"""NSD, Knot and rrdns with the same zones, each on a port of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
from support.ports import free_port
from support.processes import Background, background
from support.programs import require_program
from support.serving import serving
from support.waiting import wait_until

DIRECTORY = Path(__file__).with_name("zones")
ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ZoneSource:
    """One zone: its static records are a file of its name; SOA, NS and addresses stand here.

    `servers` are names as the configuration writes them, with their addresses.
    """

    apex: str
    serial: int
    minimum_seconds: int
    ttl_seconds: int
    servers: dict[str, tuple[str, ...]]

    @property
    def file(self) -> str:
        """The file with the static records."""
        return f"{self.apex}.zone"

    def whole(self) -> str:
        """Return the whole zone as a zone file for the other servers."""
        names = list(self.servers)
        head = [
            f"$ORIGIN {self.apex}.",
            f"$TTL {self.ttl_seconds}",
            f"@ SOA {names[0]} hostmaster {self.serial} 7200 900 1209600 {self.minimum_seconds}",
            *(f"@ NS {name}" for name in names),
            *(
                f"{name} {'AAAA' if ':' in address else 'A'} {address}"
                for name, addresses in self.servers.items()
                for address in addresses
            ),
        ]
        return "\n".join(head) + "\n" + (DIRECTORY / self.file).read_text()

    def configured(self) -> str:
        """Return the zone as an entry of rrdns' `zones`."""
        servers = ", ".join(
            f"{name}: [{', '.join(repr(address) for address in addresses)}]"
            for name, addresses in self.servers.items()
        )
        return f"""\
  {self.apex}:
    soa: {{rname: hostmaster, serial: {self.serial}, minimum: {self.minimum_seconds}}}
    ttl: {self.ttl_seconds}
    nameservers: {{{servers}}}
    file: {DIRECTORY / self.file}
"""


_NAMESERVERS: dict[str, tuple[str, ...]] = {
    "ns1": ("198.51.100.53", "2001:db8::53"),
    "ns2": ("203.0.113.53",),
}
_OUTSIDE: dict[str, tuple[str, ...]] = {"ns1.example.com.": (), "ns2.example.com.": ()}
ZONES = (
    ZoneSource("example.com", 7, 60, 3600, {**_NAMESERVERS, "ns.elsewhere.test.": ()}),
    ZoneSource("child.example.com", 8, 300, 7200, {"ns": ("192.0.2.60",), **_OUTSIDE}),
    ZoneSource("orphan.example.com", 9, 60, 3600, _OUTSIDE),
    ZoneSource("deep.below.sub.example.com", 10, 60, 3600, _OUTSIDE),
    ZoneSource("far.inner.example.org", 14, 60, 3600, _OUTSIDE),
    # The minimum is over the TTL of the SOA: that one counts (RFC 2308, section 5).
    ZoneSource("example.net", 11, 7200, 600, _OUTSIDE),
    ZoneSource("example.org", 12, 60, 3600, _OUTSIDE),
    ZoneSource("example", 13, 3600, 3600, {"ns.example.com.": (), "ns.example.net.": ()}),
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each server answers; `rrdns` with the compiled executor, where that is built."""

    rrdns: int
    rrdns_python: int
    nsd: int
    knot: int


@contextmanager
def servers(directory: Path) -> Iterator[Ports]:
    """Run all of them until the block ends; each answers for every zone when it begins."""
    nsd, knotd = require_program("nsd"), require_program("knotd")
    ports = Ports(*(free_port(ADDRESS) for _ in range(4)))
    for zone in ZONES:
        (directory / zone.file).write_text(zone.whole())
    (directory / "nsd.conf").write_text(_nsd(directory, ports.nsd))
    (directory / "knot.conf").write_text(_knot(directory, ports.knot))
    paths = [directory / "rrdns.yaml", directory / "rrdns-python.yaml"]
    paths[0].write_text(_rrdns(directory, ports.rrdns, "auto"))
    paths[1].write_text(_rrdns(directory, ports.rrdns_python, "python"))
    nsd_command = [nsd, "-d", "-c", str(directory / "nsd.conf")]
    knot_command = [knotd, "-c", str(directory / "knot.conf")]
    with (
        background(nsd_command, directory / "nsd.log") as nsd_running,
        background(knot_command, directory / "knot.log") as knot_running,
        serving(paths[0]),
        serving(paths[1]),
    ):
        for port, running in ((ports.nsd, nsd_running), (ports.knot, knot_running)):
            for zone in ZONES:
                _wait_for(port, zone.apex, running)
        yield ports


def _wait_for(port: int, apex: str, running: Background) -> None:
    def loaded() -> bool:
        assert running.process.poll() is None, running.output
        query = dns.message.make_query(apex, "SOA")
        try:
            reply = dns.query.tcp(query, ADDRESS, timeout=3, port=port)
        except (OSError, EOFError, dns.exception.DNSException):
            return False
        return reply.rcode() == dns.rcode.NOERROR and bool(reply.answer)

    wait_until(loaded, 20, f"{apex} of {running.process.args!r}: {running.output}")


def _nsd(directory: Path, port: int) -> str:
    zones = "".join(f"zone:\n    name: {zone.apex}\n    zonefile: {zone.file}\n" for zone in ZONES)
    return f"""\
server:
    ip-address: {ADDRESS}@{port}
    username: ""
    database: ""
    zonesdir: "{directory}"
    pidfile: "{directory}/nsd.pid"
    zonelistfile: "{directory}/zone.list"
    xfrdfile: "{directory}/xfrd.state"
    xfrdir: "{directory}"
    minimal-responses: yes
    refuse-any: no
    round-robin: no
    tcp-timeout: 120
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
{zones}"""


def _knot(directory: Path, port: int) -> str:
    zones = "".join(f"  - domain: {zone.apex}.\n    file: {zone.file}\n" for zone in ZONES)
    return f"""\
server:
    rundir: {directory}
    listen: {ADDRESS}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    tcp-idle-timeout: 120
database:
    storage: {directory}/knot
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: {directory}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
{zones}"""


def _rrdns(directory: Path, port: int, executor: str) -> str:
    return f"""\
server:
  listen: ["{ADDRESS}:{port}"]
  http: null
  control: {directory}/{executor}.sock
  executor: {executor}
  state_directory: null
limits: {{tcp_idle_timeout: 2m}}
nodes: {{unused: {{primary: 192.0.2.250, health: {{check: none}}}}}}
zones:
{"".join(zone.configured() for zone in ZONES)}"""
