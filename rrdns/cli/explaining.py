"""The verb that tells the answer a query would get, and why: from the server, or from the file."""

import click

from rrdns.cli.options import DomainName, RecordType, config_option
from rrdns.errors import ControlError
from rrdns.names import Name, to_text
from rrdns.rrtypes import type_text


@click.command(short_help="Tell the answer a query would get, and why.")
@click.argument("name", type=DomainName())
@click.argument("rrtype", type=RecordType(), metavar="TYPE")
@click.option(
    "--offline",
    is_flag=True,
    help="Answer from the configuration alone, with every address taken for healthy.",
)
@config_option()
@click.pass_obj
def explain(path: str, name: Name, rrtype: int, offline: bool) -> None:
    """Tell the answer that a query for NAME and TYPE would get from the running server, and why.

    Shows the zone, the host, its policy, and for each address whether it is answered and the
    reason: an override, or what the probes say, since when, and the last result. With --offline no
    server is asked and nothing is probed.

    \b
    Examples: rrdns explain mx1.example.com A
              rrdns explain customer.test MX --offline
    """
    lines = _from_file(path, name, rrtype) if offline else _from_server(path, name, rrtype)
    for line in lines:
        click.echo(line)


def _from_file(path: str, name: Name, rrtype: int) -> list[str]:
    from rrdns.dns.explain import explain as explain_answer
    from rrdns.loading import load
    from rrdns.table.snapshot import make_snapshot

    snapshot = make_snapshot(load(path, tolerant=True).config, {})
    return explain_answer(snapshot, name, rrtype).lines()


def _from_server(path: str, name: Name, rrtype: int) -> list[str]:
    from rrdns.cli import client

    try:
        document = client.fetch_explanation(
            client.find_server(path), to_text(name), type_text(rrtype)
        )
    except ControlError as error:
        raise ControlError(f"{error}; --offline asks the configuration instead") from None
    return [str(line) for line in document["text"]]
