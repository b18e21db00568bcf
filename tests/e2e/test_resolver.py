"""Unbound resolves a name that alone is delegated to rrdns, from the root down."""

from pathlib import Path

from support.asking import Dig
from support.netns import namespace
from support.processes import background
from support.programs import require_program
from support.serving import serving
from support.waiting import wait_until

ROOT_SERVER, RRDNS_SERVER, RESOLVER = "10.53.0.1", "10.53.0.2", "10.53.0.3"

# All the world in one zone: the parent of mx1 stays with NSD, mx1 itself is delegated.
ROOT_ZONE = f"""\
$TTL 3600
. SOA a.root.test. hostmaster.root.test. 1 7200 900 1209600 60
. NS a.root.test.
a.root.test. A {ROOT_SERVER}
www.example.com. A 192.0.2.80
mx1.example.com. NS ns1.example.net.
ns1.example.net. A {RRDNS_SERVER}
"""
CONFIGURATION = """\
server:
  listen: ["{address}:53"]
  http: null
  control: {directory}/control.sock
  state_directory: null
health: {{check: none}}
nodes:
  server1: {{primary: 192.0.2.11}}
  server2: {{primary: 192.0.2.21}}
zones:
  mx1.example.com:
    nameservers: {{ns1.example.net: []}}
    hosts: {{"": {{role: primary}}}}
"""


def test_unbound_resolves_a_host_that_is_delegated_alone(tmp_path: Path) -> None:
    nsd, unbound = require_program("nsd"), require_program("unbound")
    (tmp_path / "root.zone").write_text(ROOT_ZONE)
    (tmp_path / "root.hints").write_text(
        f". 3600 NS a.root.test.\na.root.test. 3600 A {ROOT_SERVER}\n"
    )
    (tmp_path / "nsd.conf").write_text(f"""\
server:
    ip-address: {ROOT_SERVER}
    username: ""
    database: ""
    zonesdir: "{tmp_path}"
    pidfile: "{tmp_path}/nsd.pid"
    zonelistfile: "{tmp_path}/zone.list"
    xfrdfile: "{tmp_path}/xfrd.state"
    xfrdir: "{tmp_path}"
remote-control:
    control-enable: no
zone:
    name: .
    zonefile: root.zone
""")
    (tmp_path / "unbound.conf").write_text(f"""\
server:
    interface: {RESOLVER}
    access-control: 0.0.0.0/0 allow
    username: ""
    chroot: ""
    directory: "{tmp_path}"
    pidfile: "{tmp_path}/unbound.pid"
    use-syslog: no
    root-hints: "{tmp_path}/root.hints"
    module-config: "iterator"
    local-zone: "test." nodefault
remote-control:
    control-enable: no
""")
    configuration = tmp_path / "rrdns.yaml"
    configuration.write_text(CONFIGURATION.format(address=RRDNS_SERVER, directory=tmp_path))
    with namespace(ROOT_SERVER, RRDNS_SERVER, RESOLVER) as inside:
        ours = Dig(RRDNS_SERVER, prefix=inside.command())
        parent = Dig(ROOT_SERVER, prefix=inside.command())
        resolver = Dig(RESOLVER, prefix=inside.command())
        with (
            background(
                inside.command(nsd, "-d", "-c", str(tmp_path / "nsd.conf")), tmp_path / "nsd.log"
            ),
            background(
                inside.command(unbound, "-d", "-c", str(tmp_path / "unbound.conf")),
                tmp_path / "unbound.log",
            ),
            serving(configuration, prefix=inside.command()),
        ):
            wait_until(
                lambda: parent(".", "SOA", check=False).status == "NOERROR", 10, "the root answers"
            )
            wait_until(
                lambda: resolver(".", "NS", check=False).status == "NOERROR", 10, "unbound answers"
            )
            assert ours("mx1.example.com", "A").flags >= {"aa"}
            reply = resolver("mx1.example.com", "A")
            assert (reply.status, "ra" in reply.flags) == ("NOERROR", True)
            assert set(reply.values) == {"192.0.2.11", "192.0.2.21"}
            nodata = resolver("mx1.example.com", "AAAA")
            assert (nodata.status, nodata.values) == ("NOERROR", [])
            assert [record[2] for record in nodata.authority] == ["SOA"]
            assert resolver("below.mx1.example.com", "A").status == "NXDOMAIN"
            assert resolver("www.example.com", "A").values == ["192.0.2.80"]
