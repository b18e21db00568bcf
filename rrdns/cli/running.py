"""Verbs that talk to a running server over its control socket: `status` and `reload`."""

import json
import sys
import time
from http import HTTPStatus

import click

from rrdns.cli import client
from rrdns.cli.options import config_option
from rrdns.errors import ControlError

WATCH_SECONDS = 1.0
EXIT_REFUSED = 1


@click.command(short_help="Show what the running server knows and answers.")
@click.option("--json", "as_json", is_flag=True, help="Print the document of /api/v1/status.")
@click.option("--watch", is_flag=True, help="Show it anew each second, until Ctrl-C.")
@config_option()
@click.pass_obj
def status(path: str, as_json: bool, watch: bool) -> None:
    """Show what the running server knows of its nodes, and what its hosts answer.

    For each address: its state and since when, whether it is answered, its share of the leads
    (first places of answers), and the last probe's result. For each host: the addresses in the
    answers, and `degraded` or `failopen` where its own addresses fail.

    \b
    Example: rrdns status --watch
    """
    server = client.find_server(path)
    if as_json:
        _show_json(server, watch)
    else:
        _show_tables(server, watch)


def _show_json(server: client.Server, watch: bool) -> None:
    while True:
        click.echo(json.dumps(client.fetch_status(server), indent=None if watch else 2))
        if not watch:
            break
        time.sleep(WATCH_SECONDS)


def _show_tables(server: client.Server, watch: bool) -> None:
    from rrdns.cli.tables import console, render, show

    screen = console()
    if watch and screen.is_terminal:
        from rich.live import Live

        first = render(client.fetch_status(server), time.time(), screen.height)
        with Live(first, console=screen, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                time.sleep(WATCH_SECONDS)
                document = client.fetch_status(server)
                live.update(render(document, time.time(), screen.height), refresh=True)
    while True:
        show(screen, render(client.fetch_status(server), time.time()))
        if not watch:
            break
        click.echo()
        time.sleep(WATCH_SECONDS)


@click.command("reload", short_help="Make the running server read its configuration again.")
@config_option()
@click.pass_obj
def reload(path: str) -> None:
    """Make the running server read its configuration again, and wait for its verdict.

    Tells what changed: nodes, zones, hosts, profiles, domains, settings, and which of these count
    from the next start only.
    Exit 0: the new configuration is in force. Exit 1: it was refused for the errors that are
    printed, and the old one stays in force.

    \b
    Example: rrdns reload -c /etc/rrdns/rrdns.yaml
    """
    server = client.find_server(path)
    reply = client.post_reload(server)
    if reply.status == HTTPStatus.OK:
        click.echo("reloaded: the new configuration is in force")
        changes = reply.body.get("changes", []) if isinstance(reply.body, dict) else []
        for line in changes or ["nothing is different"]:
            click.echo(f"  {line}")
        return
    errors = reply.body.get("errors") if isinstance(reply.body, dict) else None
    if not errors:
        raise ControlError(f"the server at {server.socket} answered {reply.status}")
    for line in errors:
        click.echo(line, err=True)
    click.echo("refused: the old configuration stays in force", err=True)
    sys.exit(EXIT_REFUSED)
