"""The verb that checks a configuration; it needs no running server."""

import sys
from collections.abc import Iterable

import click

from rrdns.cli.options import config_option
from rrdns.errors import ConfigError, Problem, Severity
from rrdns.loading import load
from rrdns.settings import Config

EXIT_INVALID = 1


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
