"""The verb that prints a shell's completion script, and what arguments complete to."""

import click
from click.shell_completion import CompletionItem, get_completion_class

from rrdns.errors import RrdnsError
from rrdns.settings import Config

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell: of verbs, options and node names.

    \b
    Examples: rrdns completion bash > /etc/bash_completion.d/rrdns
              rrdns completion zsh > "${fpath[1]}/_rrdns"
              rrdns completion fish > ~/.config/fish/completions/rrdns.fish
    """
    root = ctx.find_root()
    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - click has all of SHELLS
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(root.command, {}, "rrdns", "_RRDNS_COMPLETE").source())


def complete_nodes(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the names of the configuration's nodes that start with what was typed."""
    config = _config(ctx)
    return [
        CompletionItem(node.name, help=", ".join(node.roles))
        for node in (() if config is None else config.nodes)
        if node.name.startswith(incomplete)
    ]


def complete_places(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return what can be overridden: nodes, hosts with own addresses, and after a / their roles."""
    from rrdns.health.overrides import known_roles

    config = _config(ctx)
    known = {} if config is None else known_roles(config)
    name, slash, _ = incomplete.partition("/")
    if slash:
        words = {f"{name}/{role}": role for role in known.get(name, ())}
    else:
        words = {node: ", ".join(roles) for node, roles in known.items()}
    return [
        CompletionItem(word, help=told)
        for word, told in words.items()
        if word.startswith(incomplete)
    ]


def _config(ctx: click.Context) -> Config | None:
    from rrdns.loading import load

    try:
        return load(ctx.obj, tolerant=True).config
    except (RrdnsError, OSError):
        # A message here would land in the middle of the line that is being typed.
        return None
