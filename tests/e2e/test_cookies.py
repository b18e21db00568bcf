"""DNS cookies beside BIND and Knot with the same secret (RFC 9018), and dig's other options."""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.asking import Dig, Reply
from support.ports import free_port
from support.processes import background
from support.programs import require_program
from support.serving import configuration, serving
from support.waiting import wait_until

SECRET, OLD_SECRET = secrets.token_hex(16), secrets.token_hex(16)
FOREIGN = "0123456789abcdef"
ZONE = """\
$TTL 60
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
ns1 A 198.51.100.53
mx1 A 192.0.2.11
"""
QUESTION = ("mx1.example.com", "A")
ADDRESSES = {"ipv4": "127.0.0.1", "ipv6": "::1"}


@dataclass(frozen=True, slots=True)
class Servers:
    """The port of each server, by name: the same on 127.0.0.1 and ::1."""

    ports: dict[str, int]

    def ask(self, server: str, family: str, *words: str) -> Reply:
        """Ask mx1's address once, whatever the reply."""
        dig = Dig(ADDRESSES[family], self.ports[server])
        return dig(*QUESTION, "+nobadcookie", *words, check=False)

    def cookie(self, server: str, family: str, *words: str) -> str:
        """Return the whole cookie of a server's reply."""
        reply = self.ask(server, family, *(words or ("+cookie",)))
        found = re.search(r"; COOKIE: ([0-9a-f]{48})(?: \(good\))?\n", reply.text)
        assert found is not None, reply.text
        return found[1]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All three, answering."""
    directory = tmp_path_factory.mktemp("cookies")
    found = Servers({name: free_port() for name in ("rrdns", "bind", "knot")})
    (directory / "zone").write_text(ZONE)
    with ExitStack() as stack:
        stack.enter_context(serving(_rrdns(directory, found.ports["rrdns"])))
        for name, command in (
            ("bind", _bind(directory, found.ports["bind"])),
            ("knot", _knot(directory, found.ports["knot"])),
        ):
            running = stack.enter_context(background(command, directory / f"{name}.log"))
            for family in ADDRESSES:
                wait_until(
                    lambda name=name, family=family: found.ask(name, family).values,  # type: ignore[misc]
                    20,
                    f"{name} over {family}: {running.output}",
                )
        yield found


def _rrdns(directory: Path, port: int) -> Path:
    (directory / "secrets").write_text(f"{SECRET}\n{OLD_SECRET}\n")
    path = directory / "rrdns.yaml"
    text = configuration(
        listen=[f"127.0.0.1:{port}", f"[::1]:{port}"],
        nodes={"server1": "192.0.2.11"},
        directory=directory,
    )
    told = "server:\n  identity: ns1 at home\n  version: none of yours\n  cookie_secrets: secrets\n"
    path.write_text(text.replace("server:\n", told, 1))
    return path


def _bind(directory: Path, port: int) -> list[str]:
    path = directory / "named.conf"
    path.write_text(f"""\
options {{
    directory "{directory}"; pid-file none; lock-file none; session-keyfile none;
    managed-keys-directory "{directory}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 port {port} {{ ::1; }};
    recursion no;
    cookie-algorithm siphash24;
    cookie-secret "{SECRET}";
    require-server-cookie yes;
}};
controls {{ }};
zone "example.com" {{ type primary; file "zone"; }};
""")
    return [require_program("named"), "-g", "-n", "1", "-c", str(path)]


def _knot(directory: Path, port: int) -> list[str]:
    path = directory / "knot.conf"
    path.write_text(f"""\
server:
    rundir: "{directory}"
    listen: [127.0.0.1@{port}, "::1@{port}"]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{directory}"
mod-cookies:
  - id: shared
    secret: 0x{SECRET}
    badcookie-slip: 1
template:
  - id: default
    storage: "{directory}"
    global-module: mod-cookies/shared
zone:
  - domain: example.com
    file: zone
""")
    return [require_program("knotd"), "-c", str(path)]


PEERS = pytest.mark.parametrize("peer", ["bind", "knot"])
FAMILIES = pytest.mark.parametrize("family", ADDRESSES)


@FAMILIES
@PEERS
def test_our_cookie_is_valid_to_them(servers: Servers, peer: str, family: str) -> None:
    ours = servers.cookie("rrdns", family)
    reply = servers.ask(peer, family, f"+cookie={ours}")
    assert (reply.status, reply.values) == ("NOERROR", ["192.0.2.11"])
    # They do look: one digit of it changed is none of theirs.
    forged = ours[:-1] + format(int(ours[-1], 16) ^ 1, "x")
    assert servers.ask(peer, family, f"+cookie={forged}").status == "BADCOOKIE"


@FAMILIES
@PEERS
def test_their_cookie_is_valid_to_us_and_comes_back(
    servers: Servers, peer: str, family: str
) -> None:
    theirs = servers.cookie(peer, family)
    assert servers.cookie("rrdns", family, f"+cookie={theirs}") == theirs
    forged = theirs[:-1] + format(int(theirs[-1], 16) ^ 1, "x")
    renewed = servers.cookie("rrdns", family, f"+cookie={forged}")
    assert renewed[:16] == theirs[:16]
    assert renewed not in (theirs, forged)


def test_a_cookie_is_for_one_address(servers: Servers) -> None:
    ours = servers.cookie("rrdns", "ipv4")
    assert servers.cookie("rrdns", "ipv6", f"+cookie={ours}") != ours
    assert servers.ask("bind", "ipv6", f"+cookie={ours}").status == "BADCOOKIE"


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_finds_our_cookie_good(servers: Servers, transport: str) -> None:
    before = int(time.time())
    reply = servers.ask("rrdns", "ipv4", "+cookie", transport)
    assert "(good)" in reply.text
    made = int(servers.cookie("rrdns", "ipv4", f"+cookie={FOREIGN}", transport)[24:32], 16)
    assert before - 60 <= made <= time.time()


def test_a_query_without_a_question_fetches_a_cookie(servers: Servers) -> None:
    reply = Dig("127.0.0.1", servers.ports["rrdns"])("+header-only", "+cookie")
    assert reply.status == "NOERROR"
    assert "(good)" in reply.text
    assert "QUERY: 0, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1" in reply.text


@pytest.mark.parametrize("octets", [7, 9, 41])
def test_a_cookie_of_a_wrong_length_is_a_format_error(servers: Servers, octets: int) -> None:
    option = f"+ednsopt=10:{'ab' * octets}"
    assert servers.ask("rrdns", "ipv4", option).status == "FORMERR"
    assert servers.ask("bind", "ipv4", option).status == "FORMERR"


def test_dig_shows_nsid_and_the_extended_error(servers: Servers) -> None:
    reply = servers.ask("rrdns", "ipv4", "+nsid")
    assert re.search(r'; NSID: [0-9a-f ]+ \("ns1 at home"\)', reply.text)
    assert "NSID" not in servers.ask("rrdns", "ipv4").text
    foreign = Dig("127.0.0.1", servers.ports["rrdns"])("elsewhere.test", "A")
    assert foreign.status == "REFUSED"
    assert "; EDE: 20 (Not Authoritative)" in foreign.text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("id.server", '"ns1 at home"'),
        ("hostname.bind", '"ns1 at home"'),
        ("version.bind", '"none of yours"'),
        ("version.server", '"none of yours"'),
        ("status.rrdns", '"server1/primary 192.0.2.11 up"'),
    ],
)
def test_dig_reads_what_class_ch_tells(servers: Servers, name: str, told: str) -> None:
    reply = Dig("127.0.0.1", servers.ports["rrdns"])(name, "CH", "TXT", "+norec")
    assert (reply.status, reply.values) == ("NOERROR", [told])
    assert "WARNING" not in reply.text
    assert Dig("127.0.0.1", servers.ports["rrdns"])("authors.bind", "CH", "TXT").status == "REFUSED"


def test_dig_sees_how_long_a_connection_lasts(servers: Servers) -> None:
    over_tcp = servers.ask("rrdns", "ipv4", "+keepalive", "+tcp").text
    assert re.search("; TCP.KEEPALIVE: 10.0 secs", over_tcp)
    assert "KEEPALIVE:" not in servers.ask("rrdns", "ipv4", "+keepalive").text
