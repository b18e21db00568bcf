"""Verbs that need no running server: they read the configuration and say what follows from it."""

import sys
from collections.abc import Iterable

import click

from rrdns.cli.options import DomainName, RecordType, config_option
from rrdns.dns.explain import explain as explain_answer
from rrdns.errors import ConfigError, Problem, Severity
from rrdns.loading import load
from rrdns.names import Name
from rrdns.settings import Config
from rrdns.table.snapshot import make_snapshot

EXIT_INVALID = 1
EXIT_USAGE = 2


@click.command("check-config", short_help="Check the configuration and all files it names.")
@click.option("--strict", is_flag=True, help="Warnings make exit 1, too.")
@config_option()
@click.pass_obj
def check_config(path: str, strict: bool) -> None:
    """Check the configuration and all files that it names; change nothing.

    All problems are printed at once on stderr, each as FILE:LINE:COLUMN: PATH: MESSAGE.
    Exit 0: valid, 1: invalid, 2: FILE cannot be read.

    \b
    Example: rrdns check-config -c /etc/rrdns/rrdns.yaml --strict
    """
    try:
        loaded = load(path)
    except ConfigError as error:
        _tell(error.problems)
        sys.exit(EXIT_INVALID)
    _tell(loaded.problems)
    click.echo(f"{path}: valid: {_summary(loaded.config)}")
    if strict and any(problem.severity is Severity.WARNING for problem in loaded.problems):
        click.echo(f"{path}: refused by --strict because of its warnings", err=True)
        sys.exit(EXIT_INVALID)


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)


def _summary(config: Config) -> str:
    counts = {
        "zone": len(config.zones),
        "host": sum(1 for _ in config.hosts()),
        "node": len(config.nodes),
        "domain": len(config.domains),
    }
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())


@click.command(short_help="Tell the answer a query would get, and why.")
@click.argument("name", type=DomainName())
@click.argument("rrtype", type=RecordType(), metavar="TYPE")
@click.option(
    "--offline",
    is_flag=True,
    help="Answer from the configuration, with every address taken for healthy. Needed for now.",
)
@config_option()
@click.pass_obj
def explain(path: str, name: Name, rrtype: int, offline: bool) -> None:
    """Tell the answer that a query for NAME and TYPE would get, and why.

    Shows the zone, the host, its policy, and for each address whether it is answered and the
    reason. With --offline the configuration alone decides: no server is asked, nothing is probed.

    \b
    Example: rrdns explain mx1.example.com A --offline
    """
    if not offline:
        click.echo(
            "explain works with --offline only: a running server cannot be asked yet", err=True
        )
        sys.exit(EXIT_USAGE)
    snapshot = make_snapshot(load(path, tolerant=True).config, {})
    for line in explain_answer(snapshot, name, rrtype).lines():
        click.echo(line)
