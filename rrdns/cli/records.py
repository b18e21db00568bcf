"""The verb that prints the MX records a customer has to publish."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import click

from rrdns.cli.options import DomainName, config_option
from rrdns.errors import RrdnsError
from rrdns.loading import load
from rrdns.model import Profile
from rrdns.names import Name, from_text, to_text
from rrdns.rrtypes import MX
from rrdns.settings import Config

PLACEHOLDER = from_text("customer.example.")
# What records say where the configuration has no profile to take them from.
DEFAULT_TTL_SECONDS = 3600
PREFERENCE_STEP = 10


class Exchange(NamedTuple):
    """One MX record's data; `exchange` ends in a dot."""

    preference: int
    exchange: str


@click.command(short_help="Print the MX records to hand to a customer.")
@click.argument("domain", type=DomainName(), required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["zone", "plain", "json"]),
    default="zone",
    show_default=True,
    help="zone: lines of a zone file; plain: what web forms ask for; json: for programs.",
)
@click.option("--profile", "profile_name", metavar="NAME", help="Records of this profile.")
@config_option()
@click.pass_obj
def records(path: str, domain: Name | None, form: str, profile_name: str | None) -> None:
    """Print the MX records to hand to a customer, from the profile of DOMAIN.

    A DOMAIN that is not configured gets the records of the first profile; without DOMAIN they are
    shown for customer.example. Where the configuration has no profiles (only the MX hosts are
    delegated to rrdns), its hosts are listed in their order with preferences 10, 20, ...

    \b
    Example: rrdns records customer.test --format plain
    """
    config = load(path, tolerant=True).config
    owner = to_text(PLACEHOLDER if domain is None else domain)
    profile = _profile_for(config, domain, profile_name)
    if profile is None:
        ttl_seconds, exchanges = DEFAULT_TTL_SECONDS, _of_hosts(config)
    else:
        ttl_seconds, exchanges = _of_profile(profile)
    if form == "json":
        document = {
            "domain": owner,
            "profile": profile.name if profile else None,
            "ttl": ttl_seconds,
            "mx": [exchange._asdict() for exchange in exchanges],
        }
        click.echo(json.dumps(document, indent=2))
    elif form == "zone":
        for preference, exchange in exchanges:
            click.echo(f"{owner}\t{ttl_seconds}\tIN\tMX\t{preference} {exchange}")
    else:
        click.echo("HOST                 TYPE  PRIORITY  MAIL SERVER")
        for preference, exchange in exchanges:
            click.echo(f"{owner.rstrip('.'):<20} MX    {preference:<8}  {exchange.rstrip('.')}")


def _profile_for(config: Config, domain: Name | None, name: str | None) -> Profile | None:
    if name is not None:
        if name not in config.profiles:
            known = ", ".join(config.profiles) or "none"
            raise RrdnsError(f"{config.path} has no profile {name!r}; it has: {known}")
        return config.profiles[name]
    if domain is not None and domain in config.domains:
        return config.domains[domain]
    profile = next(iter(config.profiles.values()), None)
    if domain is not None and profile is not None:
        text = to_text(domain)
        click.echo(f"{text} is not configured: records of profile {profile.name!r}", err=True)
    return profile


def _of_profile(profile: Profile) -> tuple[int, list[Exchange]]:
    rrset = profile.contents.rrsets[b""][MX]
    exchanges = (
        Exchange(int.from_bytes(rdata[:2], "big"), to_text(rdata[2:])) for rdata in rrset.rdatas
    )
    return rrset.ttl_seconds, sorted(exchanges)


def _of_hosts(config: Config) -> list[Exchange]:
    def hosts() -> Iterator[Exchange]:
        for place, host in enumerate(config.hosts(), start=1):
            yield Exchange(place * PREFERENCE_STEP, to_text(host.name))

    return list(hosts())
