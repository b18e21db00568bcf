"""A small Internet: root, registry and hoster with NSD, and a cluster whose MX rrdns answers.

`com.` and `test.` delegate to rrdns the zone of the MX names and the filtered domains. The zone
corp.test stays with its hoster, who delegates to rrdns nothing but the names mx1 to mx4.
"""

import http.client
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from support.asking import Dig
from support.netns import Namespace
from support.processes import Background, background
from support.programs import require_program
from support.segment import segment
from support.serving import nodes_at, serving, start_node
from support.waiting import wait_until

ROOT = ("198.18.0.1", "fd18::1")
REGISTRY = ("198.18.0.2", "fd18::2")
HOSTER = ("198.18.0.3", "fd18::3")
NS1 = ("198.18.1.1", "fd18::1:1")
NS2 = ("198.18.1.2", "fd18::1:2")
RESOLVERS = {"unbound": ("198.18.3.1", "fd18::3:1"), "bind": ("198.18.3.2", "fd18::3:2")}

# server -> role -> addresses; `legacy` has no IPv6.
NODES = {
    f"server{number}": {
        "primary": (f"198.18.2.{number}1", f"fd18::2:{number}1"),
        "secondary": (f"198.18.2.{number}2", f"fd18::2:{number}2"),
        "legacy": (f"198.18.2.{number}3",),
    }
    for number in (1, 2, 3)
}
ROLES = {"mx1": "primary", "mx2": "secondary", "mx3": "secondary", "mx4": "legacy"}
# The registries delegate stranger.test to rrdns, which does not know it.
DELEGATED = ("customer.test.", "xn--bcher-kva.test.", "parked.test.", "stranger.test.", "shop.com.")
FILTERED = ("customer.test", "bücher.test", "shop.com", "branch.customer.test")

_START = "$TTL 3600\n@ SOA {primary} hostmaster.test. 1 7200 900 1209600 60\n@ NS {primary}\n"


def _addresses(name: str, addresses: Sequence[str]) -> str:
    return "".join(
        f"{name} {'AAAA' if ':' in address else 'A'} {address}\n" for address in addresses
    )


def _to_rrdns(*names: str) -> str:
    return "".join(f"{name} NS ns1.example.com.\n{name} NS ns2.example.com.\n" for name in names)


ROOT_ZONES = {
    ".": _START.format(primary="a.rootserver.")
    + _addresses("a.rootserver.", ROOT)
    + "com. NS a.registry.\ntest. NS a.registry.\n"
    + _addresses("a.registry.", REGISTRY)
}
REGISTRY_ZONES = {
    "com.": _START.format(primary="a.registry.")
    + _to_rrdns("example.com.", *(name for name in DELEGATED if name.endswith(".com.")))
    + _addresses("ns1.example.com.", NS1)
    + _addresses("ns2.example.com.", NS2),
    "test.": _START.format(primary="a.registry.")
    + _to_rrdns(*(name for name in DELEGATED if name.endswith(".test.")))
    + "hoster NS ns.hoster\ncorp NS ns.hoster\n"
    + _addresses("ns.hoster", HOSTER),
}
HOSTER_ZONES = {
    "hoster.test.": _START.format(primary="ns") + _addresses("ns", HOSTER),
    "corp.test.": _START.format(primary="ns.hoster.test.")
    + "".join(f"@ MX {10 * place} {name}\n" for place, name in enumerate(ROLES, 1))
    + _to_rrdns(*ROLES)
    + "www A 192.0.2.80\nalias CNAME www\nmail CNAME mx1\n",
}
HINTS = ". 3600 NS a.rootserver.\n" + _addresses("a.rootserver. 3600", ROOT)

# With a cookie `large` has 1232 bytes, the most that goes over UDP by default; `huge` never goes.
LARGE, HUGE = "l" * 1141, "h" * 3000


def _configuration(directory: Path) -> str:
    nodes = "".join(
        f"  {name}: {{{', '.join(f'{role}: {_quoted(own)}' for role, own in roles.items())}}}\n"
        for name, roles in NODES.items()
    )
    hosts = "".join(f"      {name}: {{role: {role}}}\n" for name, role in ROLES.items())
    alone = "".join(
        f"  {name}.corp.test:\n"
        "    nameservers: {ns1.example.com: [], ns2.example.com: []}\n"
        f'    hosts: {{"": {{role: {role}}}}}\n'
        for name, role in ROLES.items()
    )
    mx = [f"{10 * place} {name}.example.com." for place, name in enumerate(ROLES, 1)]
    servers = "nameservers: [ns1.example.com., ns2.example.com.]"
    return f"""\
server:
  http: null
  control: {directory}/control.sock
  state_directory: null
health: {{interval: 500ms, fast_interval: 200ms, fall: 2, rise: 2}}
nodes:
{nodes}zones:
  example.com:
    nameservers: {{ns1: {_quoted(NS1)}, ns2: {_quoted(NS2)}}}
    hosts:
{hosts}      brief: {{role: primary, ttl: 1s}}
      single: {{role: primary, max_answers: 1}}
    records:
      large: {{type: TXT, values: ["{LARGE}"]}}
      huge: {{type: TXT, values: ["{HUGE}"]}}
      www: {{type: A, values: [192.0.2.80]}}
      alias: {{type: CNAME, values: [www]}}
      mail: {{type: CNAME, values: [mx1]}}
      leaf.empty.between: {{type: A, values: [192.0.2.80]}}
{alone}profiles:
  default: {{{servers}, mx: {_quoted(mx)}}}
  parked: {{{servers}, mx: none}}
domains:
  - {{profile: default, names: [{", ".join(FILTERED)}]}}
  - {{profile: parked, names: [parked.test]}}
"""


def _quoted(values: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def behind(role: str, family: str, *, without: str = "") -> set[str]:
    """Return the addresses of a role: `family` is A or AAAA, `without` a server that is down."""
    return {
        address
        for server, roles in NODES.items()
        for address in roles[role]
        if server != without and (":" in address) == (family == "AAAA")
    }


@dataclass
class SmallInternet:
    """The running Internet; `users` is where resolvers and their clients are."""

    directory: Path
    cluster: Namespace
    users: Namespace
    nodes: dict[str, Background] = field(default_factory=dict)

    def asked(self) -> Counter[tuple[str, str]]:
        """Return how many queries rrdns had so far by (proto, family)."""
        found: Counter[tuple[str, str]] = Counter()
        for metric in text_string_to_metric_families(self._metrics()):
            for sample in metric.samples:
                if sample.name == "rrdns_dns_requests_total":
                    labels = sample.labels
                    found[labels["proto"], labels["family"]] += int(sample.value)
        return found

    def _metrics(self) -> str:
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.directory / "control.sock"))
            control.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            reply = http.client.HTTPResponse(control)
            reply.begin()
            return reply.read().decode()

    def ours(self, address: str = NS1[0]) -> Dig:
        """Return what asks rrdns itself."""
        return Dig(address, prefix=self.users.command())

    def revive(self, server: str) -> None:
        """Start a server's SMTP again."""
        output = self.directory / f"{server}.again.log"
        self.nodes[server] = start_node(_places(server), output, self.cluster.command())


def _places(server: str) -> list[str]:
    return [f"{address}:25" for own in NODES[server].values() for address in own]


@contextmanager
def small_internet(directory: Path) -> Iterator[SmallInternet]:
    """Run it all; yields once everything answers."""
    (directory / "root.hints").write_text(HINTS)
    path = directory / "rrdns.yaml"
    path.write_text(_configuration(directory))
    nodes = [address for server in NODES.values() for own in server.values() for address in own]
    machines = {
        "registries": _on_link([*ROOT, *REGISTRY, *HOSTER]),
        "cluster": _on_link([*NS1, *NS2, *nodes]),
        "users": _on_link([address for own in RESOLVERS.values() for address in own]),
    }
    with segment(machines) as joined, ExitStack() as stack:
        registries, cluster, users = (joined[name] for name in machines)
        for name, addresses, zones in (
            ("root", ROOT, ROOT_ZONES),
            ("registry", REGISTRY, REGISTRY_ZONES),
            ("hoster", HOSTER, HOSTER_ZONES),
        ):
            stack.enter_context(_nsd(registries, directory / name, addresses, zones))
        internet = SmallInternet(directory, cluster, users)
        places = {server: _places(server) for server in NODES}
        internet.nodes = stack.enter_context(nodes_at(places, directory, cluster.command()))
        stack.enter_context(serving(path, prefix=cluster.command()))
        for (address, _), zones in ((ROOT, ROOT_ZONES), (REGISTRY, REGISTRY_ZONES)):
            _wait_for_zones(Dig(address, prefix=users.command()), zones)
        _wait_for_zones(Dig(HOSTER[0], prefix=users.command()), HOSTER_ZONES)
        yield internet


def _on_link(addresses: Sequence[str]) -> list[str]:
    return [f"{address}/{64 if ':' in address else 15}" for address in addresses]


def _wait_for_zones(dig: Dig, zones: Iterable[str]) -> None:
    def loaded() -> bool:
        return all("aa" in dig(zone, "SOA", check=False).flags for zone in zones)

    wait_until(loaded, 10, f"{list(zones)} at {dig.address}")


@contextmanager
def _nsd(
    inside: Namespace, directory: Path, addresses: Sequence[str], zones: dict[str, str]
) -> Iterator[Background]:
    directory.mkdir()
    listed = ""
    for number, (name, text) in enumerate(zones.items()):
        (directory / f"zone{number}").write_text(f"$ORIGIN {name}\n{text}")
        listed += f"zone:\n    name: {name}\n    zonefile: zone{number}\n"
    listen = "".join(f"    ip-address: {address}\n" for address in addresses)
    (directory / "nsd.conf").write_text(f"""\
server:
{listen}    username: ""
    database: ""
    zonesdir: "{directory}"
    pidfile: "{directory}/nsd.pid"
    zonelistfile: "{directory}/zone.list"
    xfrdfile: "{directory}/xfrd.state"
    xfrdir: "{directory}"
remote-control:
    control-enable: no
{listed}""")
    command = inside.command(require_program("nsd"), "-d", "-c", str(directory / "nsd.conf"))
    with background(command, directory / "nsd.log") as running:
        yield running
        assert "error" not in running.output.lower()
