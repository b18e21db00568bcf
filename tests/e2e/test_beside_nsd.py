"""The same zone in NSD and in rrdns: what both say is compared section by section."""

from collections.abc import Iterator

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from support.ports import free_port
from support.processes import background
from support.programs import require_program
from support.serving import serving
from support.waiting import wait_until

STATIC = """\
www 300 A 192.0.2.80
www 300 AAAA 2001:db8::80
alias CNAME www
chain CNAME alias
outward CNAME www.other.test.
dangling CNAME nothere
loop1 CNAME loop2
loop2 CNAME loop1
*.wild A 192.0.2.81
*.wild MX 10 www
known.wild TXT "no address here"
leaf.empty.between TXT "below an empty non-terminal"
sub NS ns.sub
sub NS ns.other.test.
ns.sub A 192.0.2.53
mail MX 10 www
mail MX 20 alias2
alias2 A 192.0.2.82
text TXT "one" "two" "with \\"quotes\\" and \\\\ backslash"
_smtp._tcp SRV 0 0 25 www
odd TYPE65280 \\# 4 0A000001
caa CAA 0 issue "ca.test"
"""
WHOLE = f"""\
$ORIGIN example.com.
$TTL 3600
@ SOA ns1 hostmaster 7 7200 900 1209600 60
@ NS ns1
@ NS ns2
ns1 A 198.51.100.53
ns2 A 203.0.113.53
mx1 60 A 192.0.2.11
{STATIC}"""
CONFIGURATION = """\
server:
  listen: ["127.0.0.1:{port}"]
  http: null
  control: {directory}/control.sock
  state_directory: null
health: {{check: none}}
nodes:
  server1: {{primary: 192.0.2.11}}
zones:
  example.com:
    soa: {{serial: 7, refresh: 2h, retry: 15m, expire: 14d, minimum: 60s}}
    nameservers: {{ns1: [198.51.100.53], ns2: [203.0.113.53]}}
    hosts:
      mx1: {{role: primary}}
    file: static.zone
"""
OWNERS = """
    @ mx1 ns1 www alias chain outward dangling loop1 a.wild a.b.wild wild known.wild x.known.wild
    leaf.empty.between empty.between between nothere x.www x.mx1 sub ns.sub x.y.sub mail text
    _smtp._tcp _tcp odd caa *.wild
"""
TYPES = ("A", "AAAA", "MX", "NS", "SOA", "TXT", "CNAME", "SRV", "CAA", "DS", "TYPE65280")


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of NSD and of rrdns."""
    nsd = require_program("nsd")
    directory = tmp_path_factory.mktemp("beside")
    theirs, ours = free_port(), free_port()
    (directory / "whole.zone").write_text(WHOLE)
    (directory / "static.zone").write_text(STATIC)
    (directory / "nsd.conf").write_text(f"""\
server:
    ip-address: 127.0.0.1@{theirs}
    username: ""
    database: ""
    zonesdir: "{directory}"
    pidfile: "{directory}/nsd.pid"
    zonelistfile: "{directory}/zone.list"
    xfrdfile: "{directory}/xfrd.state"
    xfrdir: "{directory}"
    minimal-responses: yes
remote-control:
    control-enable: no
zone:
    name: example.com
    zonefile: whole.zone
""")
    path = directory / "rrdns.yaml"
    path.write_text(CONFIGURATION.format(port=ours, directory=directory))
    command = [nsd, "-d", "-c", str(directory / "nsd.conf")]
    with background(command, directory / "nsd.log") as running, serving(path):

        def loaded() -> bool:
            try:
                return _ask(theirs, "example.com.", "SOA", tcp=True).rcode() == dns.rcode.NOERROR
            except OSError:
                return False

        wait_until(loaded, 10, "NSD answers")
        yield theirs, ours
        assert "error" not in running.output.lower()


def _ask(port: int, name: str, rrtype: str, *, tcp: bool) -> dns.message.Message:
    query = dns.message.make_query(name, rrtype, use_edns=0, payload=1232)
    ask = dns.query.tcp if tcp else dns.query.udp
    return ask(query, "127.0.0.1", timeout=3, port=port)


def _said(reply: dns.message.Message) -> dict[str, object]:
    """Return what a reply says, whatever the order of its records."""
    # NSD adds the addresses of an answer's name servers; ours are minimal but for glue.
    glue = [] if reply.answer else reply.additional
    sections = {"answer": reply.answer, "authority": reply.authority, "glue": glue}
    return {
        "rcode": dns.rcode.to_text(reply.rcode()),
        "authoritative": bool(reply.flags & dns.flags.AA),
        "truncated": bool(reply.flags & dns.flags.TC),
    } | {
        section: sorted(line for rrset in rrsets for line in rrset.to_text().lower().splitlines())
        for section, rrsets in sections.items()
    }


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("owner", OWNERS.split())
def test_both_say_the_same(ports: tuple[int, int], owner: str, tcp: bool) -> None:
    name = "example.com." if owner == "@" else f"{owner}.example.com."
    theirs, ours = (
        {rrtype: _said(_ask(port, name, rrtype, tcp=tcp)) for rrtype in TYPES} for port in ports
    )
    assert ours == theirs
