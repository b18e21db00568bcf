"""The verb that overrules the probes: takes a node out of the answers, or into them."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from rrdns.cli import client
from rrdns.cli.completion import complete_places
from rrdns.cli.options import config_option
from rrdns.config.scalars import duration_text
from rrdns.web.words import age_text


@click.command(short_help="Overrule the checks of a node: down, up, or auto again.")
@click.argument("state", type=click.Choice(["down", "up", "auto"]), metavar="down|up|auto")
@click.argument("name", metavar="NAME[/ROLE]", shell_complete=complete_places)
@click.option(
    "--for", "duration", metavar="DURATION", help="Lift it by itself after 30m, 2h, 1d, ..."
)
@click.option("--reason", metavar="TEXT", help="Shown in status, explain and the log.")
@config_option()
@click.pass_obj
def node(path: str, state: str, name: str, duration: str | None, reason: str | None) -> None:
    """Overrule the checks of a node of the running server, or of one role of it.

    `down` takes its addresses out of the answers, `up` takes them in, whatever the checks say;
    `auto` gives the decision back to the checks, which go on meanwhile. NAME may be a host with
    addresses of its own. NAME and ROLE may have * ? and [...] in them: put those in quotes. An
    override survives a restart. What becomes of the hosts is told where it is not harmless.

    \b
    Examples: rrdns node down server1 --for 2h --reason "new disks"
              rrdns node down 'server*/secondary'
              rrdns node auto server1
    """
    order = {"state": state, "for": duration, "reason": reason}
    done = client.put_override(
        client.find_server(path),
        name,
        {key: value for key, value in order.items() if value is not None},
    )
    for line in _changed(done["changed"], time.time()):
        click.echo(line)
    if not done["changed"]:
        click.echo(f"nothing to lift: there is no override on {name}")
    for line in done["warnings"]:
        click.echo(f"warning: {line}", err=True)


def _changed(changes: list[dict[str, Any]], now: float) -> Iterator[str]:
    for change in changes:
        place = change["node"] if change["role"] is None else f"{change['node']}/{change['role']}"
        if override := change["override"]:
            yield f"{place}: {override['state']} {_until(override)}{_reason(override)}"
        else:
            was = change["was"]
            held = age_text(now - was["since"])
            yield f"{place}: auto (was {was['state']} for {held}{_reason(was)})"


def _until(override: dict[str, Any]) -> str:
    until = override["until"]
    if until is None:
        return "until it is lifted"
    when = datetime.fromtimestamp(until).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    return f"for {duration_text(round(until - override['since'], 3))}, until {when}"


def _reason(override: dict[str, Any]) -> str:
    return f": {override['reason']}" if override["reason"] else ""
