"""The command line: one verb a function, one file a group of verbs.

A verb's module is imported when the verb is asked for, so that a quick verb does not wait for the
libraries of the others. Trouble of an operator's kind ends as one clear line on stderr and a
non-zero exit; a traceback means a bug.
"""

import importlib

import click

from rrdns import __version__
from rrdns.cli.options import config_option
from rrdns.errors import RrdnsError, UnreadableError

PROGRAM = "rrdns"
DEFAULT_CONFIG = "/etc/rrdns/rrdns.yaml"
EXIT_REFUSED = 1
EXIT_UNREADABLE = 2
# What a shell reports of a program that SIGINT ended.
EXIT_INTERRUPTED = 130

# verb -> the module and function that do it, in the order of --help
VERBS = {
    "serve": ("rrdns.cli.serving", "serve"),
    "check-config": ("rrdns.cli.offline", "check_config"),
    "explain": ("rrdns.cli.explaining", "explain"),
    "probe": ("rrdns.cli.probing", "probe"),
    "status": ("rrdns.cli.running", "status"),
    "node": ("rrdns.cli.node", "node"),
    "reload": ("rrdns.cli.running", "reload"),
    "records": ("rrdns.cli.records", "records"),
    "import-zone": ("rrdns.cli.importing", "import_zone"),
    "demo": ("rrdns.cli.serving", "demo"),
    "completion": ("rrdns.cli.completion", "completion"),
}


class Verbs(click.Group):
    """The group of all verbs: finds them late, and tells their trouble in one place."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order in which an operator meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a verb's command, or None where there is no such verb."""
        if cmd_name not in VERBS:
            return None
        module, function = VERBS[cmd_name]
        command = getattr(importlib.import_module(module), function)
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; an operator's error becomes its text on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader went away (`rrdns status | head`): click leaves quietly.
            raise
        except (RrdnsError, OSError) as error:
            click.echo(str(error), err=True)
            unreadable = isinstance(error, UnreadableError)
            return ctx.exit(EXIT_UNREADABLE if unreadable else EXIT_REFUSED)
        except KeyboardInterrupt:
            return ctx.exit(EXIT_INTERRUPTED)


def _tell_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from rrdns.server.kinds import available

        click.echo(f"{PROGRAM} {__version__} (executor {available()})")
        ctx.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@config_option(envvar="RRDNS_CONFIG", default=DEFAULT_CONFIG)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version, and which executor this install has.",
)
def cli() -> None:
    """Authoritative DNS server for mail-filter clusters.

    Answers mx1, mx2, ... with the filtering nodes that are alive, rotated at every query.
    `rrdns demo` shows it at work, and each verb has help of its own: rrdns serve --help

    \b
    Examples: rrdns demo
              rrdns check-config -c /etc/rrdns/rrdns.yaml
              rrdns explain mx1.example.com A
    """


def main() -> None:
    """Run the command line; the entry point of the `rrdns` program."""
    cli(prog_name=PROGRAM)
