"""The verb that prints a shell's completion script, and what arguments complete to."""

import click
from click.shell_completion import CompletionItem, get_completion_class

from rrdns.errors import RrdnsError

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell: of verbs, options and node names.

    \b
    bash:  rrdns completion bash > /etc/bash_completion.d/rrdns
    zsh:   rrdns completion zsh > "${fpath[1]}/_rrdns"
    fish:  rrdns completion fish > ~/.config/fish/completions/rrdns.fish
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
    from rrdns.loading import load

    try:
        config = load(ctx.obj, tolerant=True).config
    except (RrdnsError, OSError):
        # A message here would land in the middle of the line that is being typed.
        return []
    return [
        CompletionItem(node.name, help=", ".join(node.roles))
        for node in config.nodes
        if node.name.startswith(incomplete)
    ]
