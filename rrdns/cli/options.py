"""Options and arguments that several verbs share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from rrdns import names, rrtypes
from rrdns.config.hostnames import absolute

Function = TypeVar("Function", bound=Callable[..., Any])


def _remember(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.obj = value


def config_option(**settings: Any) -> Callable[[Function], Function]:
    """Decorate a verb (or the group of all) with `-c FILE`; the path becomes the context's object.

    A verb's own `-c` beats the one before the verb, since it is read later.
    """
    text = "Configuration file; before or after the verb."
    return click.option(
        "-c",
        "--config",
        metavar="FILE",
        type=click.Path(readable=False),
        expose_value=False,
        callback=_remember,
        help=text,
        show_default=True,
        show_envvar=True,
        **settings,
    )


class DomainName(click.ParamType[names.Name]):
    """A domain name in presentation format or IDN, with or without its final dot."""

    name = "name"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> names.Name:
        """Return the wire name; a text that is none is a usage error."""
        if isinstance(value, bytes):
            return value
        try:
            return absolute(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RecordType(click.ParamType[int]):
    """A record type: a mnemonic, or TYPE12345 (RFC 3597)."""

    name = "type"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the type's number; a text that is none is a usage error."""
        if isinstance(value, int):
            return value
        try:
            return rrtypes.type_number(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
