"""What every server is set up to answer: mx1 to mx4 of example.com, and filtered domains.

The hosts have three addresses each, rotated; a domain has four MX records. The addresses are on
loopback, where something accepts their connections: PowerDNS looks whether they are up.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PRIMARIES = ("127.0.1.1", "127.0.1.2", "127.0.1.3")
SECONDARIES = ("127.0.2.1", "127.0.2.2", "127.0.2.3")
HOSTS = {"mx1": PRIMARIES, "mx2": SECONDARIES, "mx3": SECONDARIES, "mx4": SECONDARIES}
PREFERENCES = {"mx1": 10, "mx2": 20, "mx3": 30, "mx4": 40}
CUSTOMER = "customer.test"

HEAD = """\
$TTL 3600
@ SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 60
@ NS ns1.example.com.
"""
# Below the delegation every server has a referral to give.
ZONE = HEAD + "ns1 A 127.0.0.1\naway NS ns1.elsewhere.test.\n"
DOMAIN = HEAD + "".join(
    f"@ MX {preference} {host}.example.com.\n" for host, preference in PREFERENCES.items()
)


@dataclass(frozen=True, slots=True)
class Job:
    """What a server is to do: its port of 127.0.0.1, its files' directory, its domains.

    `accepting` is the port of the hosts' addresses where connections are accepted. `workers` are
    loops, threads or processes over UDP.
    """

    directory: Path
    port: int
    domains: Sequence[str] = (CUSTOMER,)
    accepting: int = 25
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Server:
    """One program: `write` makes its files and returns its command line.

    `find` returns its path, None where it is not installed. `answers` is false where the replies
    are not those that all servers give: the echo's are of the right size only.
    """

    name: str
    find: Callable[[], str | None]
    write: Callable[[str, Job], list[str]]
    answers: bool = True


def write_zones(job: Job) -> None:
    """Write a zone file of static records for example.com, and one that all domains share."""
    hosts = "".join(
        f"{host} 60 A {address}\n" for host, addresses in HOSTS.items() for address in addresses
    )
    (job.directory / "example.com.zone").write_text(ZONE + hosts)
    (job.directory / "domain.zone").write_text(DOMAIN)


def installed(name: str) -> Callable[[], str | None]:
    """Return a function that finds a program on the path or where Debian keeps daemons."""

    def find() -> str | None:
        return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")

    return find
