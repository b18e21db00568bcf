"""A zone that NSD serves is imported, and rrdns answers as NSD does."""

from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rrset
from support.ports import free_port
from support.processes import background
from support.programs import require_program
from support.serving import rrdns, serving
from support.waiting import wait_until

ZONE = """\
$ORIGIN example.com.
$TTL 3600
@       IN SOA  ns1 hostmaster ( 2026010101 ; serial
                7200 900 1209600 60 )
        IN NS   ns1
        IN NS   ns2.other.net.
        IN MX   10 mx1
        IN MX   20 mx2
        IN TXT  "v=spf1 mx -all"
ns1     IN A    198.51.100.53
        IN AAAA 2001:db8::53
mx1  60 IN A    192.0.2.11
     60 IN A    192.0.2.21
     60 IN AAAA 2001:db8::11
     60 IN AAAA 2001:db8::21
mx2  60 IN A    192.0.2.12
     60 IN A    192.0.2.22
www     IN A    192.0.2.80
web     IN CNAME www
long    IN TXT  "one" "two"
*.wild  IN MX   10 mx1
sub     IN NS   ns.sub
ns.sub  IN A    192.0.2.99
_sip._tcp IN SRV 0 5 5060 www
"""
NAMES = [
    "@",
    "ns1",
    "mx1",
    "mx2",
    "www",
    "web",
    "long",
    "a.wild",
    "wild",
    "sub",
    "deep.sub",
    "ns.sub",
    "_sip._tcp",
    "_tcp",
    "absent",
    "x.mx1",
]
TYPES = ("A", "AAAA", "MX", "NS", "SOA", "TXT", "SRV", "CNAME")


def _sets(section: list[dns.rrset.RRset]) -> set[str]:
    return {f"{rrset.name} {rrset.ttl} {sorted(map(str, rrset))}".lower() for rrset in section}


def _ask(name: str, rrtype: str, port: int) -> tuple[object, ...]:
    query = dns.message.make_query(name, rrtype)
    reply = dns.query.tcp(query, "127.0.0.1", port=port, timeout=5)
    soa = _sets([rrset for rrset in reply.authority if rrset.rdtype == 6])
    referral = not reply.answer and not soa
    # NSD adds what it likes to a positive answer; ours are minimal.
    more = (_sets(reply.authority), _sets(reply.additional)) if referral else (soa,)
    return reply.rcode(), int(reply.flags), _sets(reply.answer), *more


def test_rrdns_answers_as_the_server_of_the_zone_file(tmp_path: Path) -> None:
    nsd = require_program("nsd")
    zone = tmp_path / "db.example.com"
    zone.write_text(ZONE)
    imported = rrdns("import-zone", str(zone))
    assert (imported.returncode, imported.stderr) == (0, "")
    ours, theirs = free_port(), free_port()
    path = tmp_path / "rrdns.yaml"
    path.write_text(
        imported.stdout
        + f"""
server:
  listen: "127.0.0.1:{ours}"
  http: null
  control: control.sock
  state_directory: null
health: {{check: none}}
"""
    )
    (tmp_path / "nsd.conf").write_text(
        f"""\
server:
  ip-address: 127.0.0.1@{theirs}
  username: ""
  zonesdir: "{tmp_path}"
  database: ""
  pidfile: "{tmp_path}/nsd.pid"
  xfrdfile: "{tmp_path}/xfrd.state"
  zonelistfile: "{tmp_path}/zone.list"
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: example.com
  zonefile: {zone.name}
"""
    )

    def answers() -> bool:
        try:
            return _ask("example.com", "SOA", theirs)[0] == dns.rcode.NOERROR
        except (OSError, EOFError):
            return False

    command = [nsd, "-d", "-c", str(tmp_path / "nsd.conf")]
    with background(command, tmp_path / "nsd.log") as running, serving(path):
        wait_until(answers, 20, f"NSD answers: {running.output}")
        for label in NAMES:
            name = "example.com" if label == "@" else f"{label}.example.com"
            for rrtype in TYPES:
                assert _ask(name, rrtype, ours) == _ask(name, rrtype, theirs), (name, rrtype)
