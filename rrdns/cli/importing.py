"""The verb that turns a zone file into a configuration, and shows that both say the same."""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from rrdns import names
from rrdns.cli.options import DomainName
from rrdns.config.importing import Zone, configuration, mail_hosts
from rrdns.dns.zonefile import FileRRset, parse_zone_file, rdata_text
from rrdns.errors import ConfigError, RrdnsError, UnreadableError
from rrdns.loading import load
from rrdns.model import Contents, RRset
from rrdns.names import Name, to_text
from rrdns.rrtypes import AAAA, NS, SOA, TYPE_NUMBERS, A, type_text
from rrdns.targets import Family

EXIT_DIFFERENT = 1
_DEFAULT_TTL_SECONDS = 3600
_ORIGIN = re.compile(r"^\$ORIGIN\s+(\S+\.)", re.MULTILINE | re.IGNORECASE)
_SOA_OWNER = re.compile(r"^(\S+\.)\s[^;\n]*\bSOA\b", re.MULTILINE | re.IGNORECASE)
_SIGNING = frozenset(
    TYPE_NUMBERS[mnemonic] for mnemonic in ("RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY")
)


@click.command("import-zone", short_help="Turn a BIND zone file into a configuration.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--zone", "apex", type=DomainName(), help="The zone, where FILE does not name it.")
@click.option(
    "--host",
    "hosts",
    type=DomainName(),
    multiple=True,
    help="A name whose addresses are filtering nodes; can be given several times. Without it: the"
    " hosts that FILE's MX records name.",
)
def import_zone(file: Path, apex: Name | None, hosts: tuple[Name, ...]) -> None:
    """Print a configuration that answers as the zone in FILE does, with its MX hosts checked.

    The addresses of the MX hosts become nodes, everything else becomes static records. The result
    is read back and compared with FILE; what differs is told on stderr, and makes exit 1.

    \b
    Example: rrdns import-zone db.example.com > rrdns.yaml
    """
    text = _read(file)
    apex = apex or _apex(text, file)
    rrsets, problems = parse_zone_file(text, str(file), apex, _DEFAULT_TTL_SECONDS)
    if problems:
        raise ConfigError(problems)
    zone = _zone(rrsets, apex, file)
    chosen = list(dict.fromkeys(hosts)) or mail_hosts(apex, zone)
    _check_hosts(zone, chosen, file)
    found = configuration(apex, zone, chosen, rdata_text, str(file))
    click.echo(found.text, nl=False)
    differences = list(_differences(found.text, apex, zone))
    for difference in differences:
        click.echo(difference, err=True)
    if differences:
        sys.exit(EXIT_DIFFERENT)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(f"cannot read the zone file {file}: {reason}") from None


def _apex(text: str, file: Path) -> Name:
    # Where an $ORIGIN stands before the SOA, it is what a BIND zone file calls itself.
    match = _ORIGIN.search(text) or _SOA_OWNER.search(text)
    if match is None:
        raise RrdnsError(f"{file} does not name its zone: say which it is, as --zone example.com")
    return names.from_text(match[1])


def _zone(rrsets: list[FileRRset], apex: Name, file: Path) -> Zone:
    zone: dict[Name, dict[int, RRset]] = {}
    signed = False
    for found in rrsets:
        if found.rrset.rrtype in _SIGNING:
            signed = True
        else:
            zone.setdefault(found.owner, {})[found.rrset.rrtype] = found.rrset
    if signed:
        click.echo(f"{file}: left out what DNSSEC signing made: rrdns signs nothing", err=True)
    for rrtype in (SOA, NS):
        if rrtype not in zone.get(apex, {}):
            shown = f"{type_text(rrtype)} at {to_text(apex)}"
            raise RrdnsError(f"{file} has no {shown}: is that the zone? --zone names another")
    return zone


def _check_hosts(zone: Zone, hosts: list[Name], file: Path) -> None:
    for host in hosts:
        if not zone.get(host, {}).keys() & {A, AAAA}:
            raise RrdnsError(f"{file} has no address for {to_text(host)}")
    if not hosts:
        raise RrdnsError(
            f"{file} has no MX that names a host with addresses in it: name the hosts that your"
            " nodes are behind, as --host mx1.example.com"
        )


# --- the proof --------------------------------------------------------------------------------


def _differences(text: str, apex: Name, zone: Zone) -> Iterator[str]:
    """Read the configuration back and yield what it would answer otherwise than the zone."""
    with tempfile.TemporaryDirectory(prefix="rrdns-import-") as directory:
        path = Path(directory) / "rrdns.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            contents = load(path).config.zones[apex].contents
        except ConfigError as error:
            yield from (
                f"error: {line.removeprefix(directory + '/')}" for line in map(str, error.problems)
            )
            return
    answered = {owner + apex: types for owner, types in _answers(contents).items()}
    for owner, types in zone.items():
        for rrtype, wanted in types.items():
            given = answered.get(owner, {}).get(rrtype)
            if given != _comparable(wanted):
                yield f"differs: {to_text(owner)} {type_text(rrtype)}"


def _answers(contents: Contents) -> dict[bytes, dict[int, tuple[int, frozenset[bytes]]]]:
    found = {
        owner: {rrtype: _comparable(rrset) for rrtype, rrset in types.items()}
        for owner, types in contents.rrsets.items()
    }
    soa = contents.soa
    numbers = (soa.serial, soa.refresh_seconds, soa.retry_seconds, soa.expire_seconds)
    rdata = soa.mname + soa.rname
    rdata += b"".join(number.to_bytes(4, "big") for number in (*numbers, soa.minimum_seconds))
    found.setdefault(b"", {})[SOA] = (soa.ttl_seconds, frozenset({rdata}))
    for owner, host in contents.hosts.items():
        for family in Family:
            packed = frozenset(member.target.packed for member in host.considered(family))
            if packed:
                found.setdefault(owner, {})[family.rrtype] = (host.ttl_seconds, packed)
    return found


def _comparable(rrset: RRset) -> tuple[int, frozenset[bytes]]:
    return rrset.ttl_seconds, frozenset(rdata.lower() for rdata in rrset.rdatas)
