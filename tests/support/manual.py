"""The man pages, from the command line's own help and from docs/configuration.md.

``python -m support.manual`` writes them anew into man/ (`make docs`).
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from rrdns import __version__
from rrdns.cli import PROGRAM, VERBS, cli
from support import roff

ROOT = Path(__file__).parents[2]
MAN = ROOT / "man"
CONFIGURATION = ROOT / "docs" / "configuration.md"
# When the pages last changed.
DATED = "2026-11-21"

_SUMMARY = "authoritative DNS server for mail-filter clusters"
_ENVIRONMENT = {
    "RRDNS_CONFIG": "The configuration file, where `-c` names none.",
    "SSL_CERT_FILE": "The authorities that `health.verify` trusts, instead of the system's.",
    "NO_COLOR": "`rrdns status` shows no colours.",
    "NOTIFY_SOCKET, LISTEN_PID, LISTEN_FDS": "As systemd sets them.",
}
_FILES = {
    "/etc/rrdns/rrdns.yaml": "The configuration; see rrdns.yaml(5).",
    "/run/rrdns/control.sock": "The control socket (`server.control`), through which the verbs"
    " find a running server. Mode 0660; `server.control_group` names its group.",
    "/var/lib/rrdns/overrides.json": "The overrides (`server.state_directory`).",
    "/var/lib/rrdns/health.json": "The last verdict of each address.",
}
_SIGNALS = {
    "SIGHUP": "Reload the configuration, as `rrdns reload` does; the verdict is in the log.",
    "SIGTERM, SIGINT": "Answer what is in the sockets, and end with 0.",
}
_STATUS = {
    "0": "Success.",
    "1": "Refused, failed, or not healthy (`probe`); the reason is on standard error.",
    "2": "A file cannot be read, or the command line makes no sense.",
    "130": "Ended by Ctrl-C.",
}


def program_page() -> str:
    """Return rrdns(1)."""
    root = click.Context(cli, info_name=PROGRAM, **cli.context_settings)
    lines = [
        _header(PROGRAM, 1),
        ".SH NAME",
        rf"{PROGRAM} \- {_SUMMARY}",
        ".SH SYNOPSIS",
        rf"\fB{PROGRAM}\fR [\fB\-c\fR \fIFILE\fR] \fIverb\fR [\fIarguments\fR]",
        ".SH DESCRIPTION",
        *_help(cli),
        ".SH OPTIONS",
        *_options(cli, root),
        ".SH VERBS",
    ]
    for verb in VERBS:
        lines += _verb(verb, root)
    for title, terms in (
        ("ENVIRONMENT", _ENVIRONMENT),
        ("FILES", _FILES),
        ("SIGNALS", _SIGNALS),
        ("EXIT STATUS", _STATUS),
    ):
        lines.append(f".SH {title}")
        for term, meaning in terms.items():
            lines += roff.item(rf"\fB{roff.literal(term)}\fR", roff.inline(meaning))
    lines += [".SH SEE ALSO", r"\fBrrdns.yaml\fR(5), \fBdig\fR(1), \fBsystemd.socket\fR(5)"]
    return _text(lines)


def configuration_page() -> str:
    """Return rrdns.yaml(5)."""
    lines = [
        _header("rrdns.yaml", 5),
        ".SH NAME",
        rf"rrdns.yaml \- configuration of \fB{PROGRAM}\fR(1)",
        ".SH DESCRIPTION",
        *roff.page(CONFIGURATION.read_text()),
        ".SH SEE ALSO",
        rf"\fB{PROGRAM}\fR(1)",
    ]
    return _text(lines)


def pages() -> dict[Path, str]:
    """Return what stands in man/, by file."""
    return {MAN / "rrdns.1": program_page(), MAN / "rrdns.yaml.5": configuration_page()}


def _text(lines: list[str]) -> str:
    return "\n".join([r".\" Written by `make docs`.", *roff.tidy(lines)]) + "\n"


def _header(name: str, section: int) -> str:
    return f'.TH {name.upper()} {section} "{DATED}" "rrdns {__version__}" "rrdns"'


# --- what click knows ---------------------------------------------------------------------------


def _verb(verb: str, root: click.Context) -> list[str]:
    command = cli.get_command(root, verb)
    assert command is not None
    context = click.Context(command, info_name=verb, parent=root)
    usage = " ".join(command.collect_usage_pieces(context))
    return [
        f".SS {roff.literal(verb)}",
        rf"\fB{PROGRAM} {roff.literal(verb)}\fR {roff.plain(usage)}",
        *_help(command),
        *_options(command, context),
    ]


def _help(command: click.Command) -> Iterator[str]:
    assert command.help is not None
    for paragraph in inspect.cleandoc(command.help).split("\n\n"):
        # Click's mark of lines that stay as they are.
        if paragraph.startswith("\b"):
            yield from _examples(paragraph.splitlines()[1:])
        else:
            yield ".PP"
            yield from roff.fill(roff.inline(" ".join(paragraph.split())))


def _examples(lines: list[str]) -> Iterator[str]:
    title, _, first = lines[0].partition(": ")
    yield ".PP"
    yield f"{title}:"
    yield from roff.code([first.strip(), *(line.strip() for line in lines[1:])])


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        # What arguments are is told by the text.
        if record is not None and isinstance(parameter, click.Option):
            names, meaning = record
            text = " ".join(meaning.split())
            yield from roff.item(rf"\fB{roff.literal(names)}\fR", roff.inline(text))


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
