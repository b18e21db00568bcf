"""The verbs that run a server: `serve`, and `demo` with nodes of its own."""

import asyncio
import logging
from typing import TYPE_CHECKING

import click

from rrdns.cli import logs
from rrdns.cli.options import config_option
from rrdns.errors import Severity

if TYPE_CHECKING:
    from rrdns.loading import Loaded

LEVELS = {
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.INFO: logging.INFO,
}
PORT = click.IntRange(0, 65535)
log = logging.getLogger(__name__)


@click.command(short_help="Run the server in the foreground.")
@config_option()
@click.pass_obj
def serve(path: str) -> None:
    """Run the server in the foreground until SIGTERM or Ctrl-C.

    A line with `ready` and the listening addresses is logged once answers are served. SIGHUP
    reloads the configuration. Bad lines of a domain file are logged and left out, so that one of
    them does not silence all other domains after a reboot.

    \b
    Example: rrdns serve -c /etc/rrdns/rrdns.yaml
    """
    from rrdns.service import serve as run_server

    # Not kept in a name here: a reload replaces it.
    asyncio.run(run_server(_load(path)))


def _load(path: str) -> "Loaded":
    """Load a configuration tolerantly, set up the log as it says, and log what there is to say."""
    from rrdns.loading import load

    loaded = load(path, tolerant=True)
    logs.set_up(loaded.config.server.log_level, loaded.config.server.log_format)
    for problem in loaded.problems:
        log.log(LEVELS[problem.severity], "%s", problem)
    return loaded


@click.command(short_help="Run a server with three small nodes of its own, to play with.")
@click.option("--port", type=PORT, default=5300, show_default=True, help="DNS; 0: any free one.")
@click.option("--http-port", type=PORT, default=9353, show_default=True, help="HTTP; 0: any.")
@click.option("--smtp-port", type=PORT, default=2525, show_default=True, help="Nodes; 0: any.")
def demo(port: int, http_port: int, smtp_port: int) -> None:
    """Run a server on 127.0.0.1 with three small SMTP nodes of its own, until Ctrl-C.

    It serves the zone example.com (mx1 to mx4) and the filtered domain customer.test, and prints
    what to ask it and how to stop a node. All of it stays on loopback; nothing is left behind.

    \b
    Example: rrdns demo
             dig @127.0.0.1 -p 5300 mx1.example.com
    """
    from rrdns.demo import stage

    logs.set_up("info", "text")
    stage.run(port, http_port, smtp_port)
