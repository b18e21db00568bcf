"""The document of `/api/v1/status` as tables for a person."""

from collections.abc import Iterable
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rrdns.settings import Endpoint
from rrdns.web.words import age_text, left_text, result_text

Document = dict[str, Any]

# In a pipe nothing may be cut off: wider than any row, and rich pads no line to it.
PIPE_COLUMNS = 400
COLOURS = {"up": "green", "down": "red", "unknown": "yellow"}


def console() -> Console:
    """Return a console on stdout: colours on a terminal, plain text elsewhere."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)


def show(screen: Console, tables: RenderableType) -> None:
    """Print tables; in a pipe without the spaces that fill their last column."""
    if screen.is_terminal:
        screen.print(tables)
        return
    with screen.capture() as captured:
        screen.print(tables)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def render(document: Document, now: float, most: int | None = None) -> RenderableType:
    """Return the tables of a status document; `now` is the Unix time that ages are counted to.

    With `most` no table lists more than so many addresses, and those in trouble come first: a
    screen that is drawn each second has no room and no time for thousands.
    """
    return Group(
        *_headlines(document, now),
        Text(),
        *_overrides(document, now),
        *_nodes(document, now, most),
        Text(),
        _hosts(document, most),
    )


def _headlines(document: Document, now: float) -> Iterable[Text]:
    config = document["config"]
    ready = Text("ready", "green") if document["ready"] else Text("not ready", "red")
    count = document["domains"]
    yield Text.assemble(
        ready,
        f", generation {document['generation']}, {count} domain{'' if count == 1 else 's'},"
        f" configuration loaded {_age(config['loaded'], now)} ago",
    )
    if config["last_error"]:
        yield Text(f"last reload refused: {config['last_error']}", "red")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        # On a narrow terminal the last column gives way, and only that one.
        table.add_column(column, no_wrap=column != columns[-1])
    return table


def _overrides(document: Document, now: float) -> Iterable[RenderableType]:
    if not document.get("overrides"):
        return
    table = _table("OVERRIDE", "STATE", "SINCE", "ENDS", "REASON")
    for override in document["overrides"]:
        place = [word for word in (override["node"], override["role"]) if word]
        until = override["until"]
        remarks = [override["reason"]] if override["reason"] else []
        remarks += ["(not in the configuration)"] if override["idle"] else []
        remarks += ["(will not survive a restart)"] if not override["kept"] else []
        table.add_row(
            "/".join(place),
            Text(override["state"], "magenta"),
            f"{_age(override['since'], now)} ago",
            "when lifted" if until is None else f"in {left_text(until - now)}",
            Text(" ".join(remarks)),
        )
    yield table
    yield Text()


def _nodes(document: Document, now: float, most: int | None) -> Iterable[RenderableType]:
    nodes, leads = document["nodes"], _leads(document)
    if most is not None and len(nodes) > most:
        nodes = sorted(nodes, key=_is_well)[:most]
    table = _table("NODE", "ROLE", "ADDRESS", "STATE", "ANSWER", "SINCE", "LEADS", "LAST RESULT")
    for node in nodes:
        table.add_row(
            node["node"],
            node["role"],
            str(Endpoint(node["address"], node["port"])),
            _state(node),
            "in" if node["in_rotation"] else Text("out", "red"),
            _age(node["since"], now),
            _share(leads.get(node["address"], (0, 0))),
            Text(_last(node["last"], now), no_wrap=True, overflow="ellipsis"),
        )
    yield table
    if len(nodes) < len(document["nodes"]):
        yield Text(f"and {len(document['nodes']) - len(nodes)} more addresses")


def _is_well(node: Document) -> bool:
    return node["state"] == "up" and node["in_rotation"] and not node["override"]


def _state(node: Document) -> Text:
    if node["override"]:
        return Text(f"{node['state']} (override)", "magenta")
    return Text(node["state"], COLOURS.get(node["state"], ""))


def _last(last: Document | None, now: float) -> str:
    if last is None:
        return "not probed yet"
    milliseconds = sum(last["seconds"].values()) * 1000
    return f"{result_text(last)} ({milliseconds:.0f} ms, {_age(last['at'], now)} ago)"


def _hosts(document: Document, most: int | None) -> Table:
    table = _table("HOST", "FAMILY", "STATE", "ANSWERS (SHARE OF LEADS)")
    for host in document["hosts"]:
        leads = host["leads"]
        total = sum(leads.values())
        addresses = host["addresses"][:most]
        more = len(host["addresses"]) - len(addresses)
        table.add_row(
            host["host"],
            host["family"],
            _host_state(host),
            Text(
                ", ".join(
                    f"{address} ({_share((leads.get(address, 0), total))})" for address in addresses
                )
                + (f" and {more} more" if more else "")
                or "nothing (NODATA)"
            ),
        )
    return table


def _host_state(host: Document) -> Text:
    words = [word for word in ("degraded", "failopen") if host[word]]
    return Text(", ".join(words), "red") if words else Text("ok", "green")


def _leads(document: Document) -> dict[str, tuple[int, int]]:
    """Return, for each address, how often it led, and how many answers its hosts gave."""
    found: dict[str, tuple[int, int]] = {}
    for host in document["hosts"]:
        total = sum(host["leads"].values())
        for address, count in host["leads"].items():
            own, others = found.get(address, (0, 0))
            found[address] = own + count, others + total
    return found


def _share(counts: tuple[int, int]) -> str:
    own, total = counts
    return f"{100 * own / total:.0f} %" if total else "-"


def _age(at: float | None, now: float) -> str:
    return "-" if at is None else age_text(now - at)
