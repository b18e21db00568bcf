"""Markdown, as far as our pages use it, to roff for man(7).

Headings, paragraphs, lists, tables, quotes and blocks of code; in a line bold, code and links. What
is marked as code is bold on a man page. Nothing else is understood, and nothing is passed through.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence

WIDTH = 76
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\([^)]+\)")
_ESCAPES = {"\\": r"\e", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
# In what is typed, these have to come out as ASCII.
_LITERAL = {**_ESCAPES, "-": r"\-", "'": r"\(aq", '"': r"\(dq"}


def plain(text: str) -> str:
    """Return text without any marks as roff."""
    return _escaped(text, _ESCAPES)


def literal(text: str) -> str:
    """Return text as roff that comes out as it can be typed."""
    return _escaped(text, _LITERAL)


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(
        escapes.get(character, character) if character.isascii() else f"\\[u{ord(character):04X}]"
        for character in text
    )


def inline(text: str) -> str:
    """Return a line of Markdown as roff."""
    found, end = "", 0
    for match in _INLINE.finditer(text):
        code, strong, emphasis, link = match.groups()
        found += plain(text[end : match.start()])
        if code:
            found += rf"\fB{literal(code)}\fR"
        elif strong:
            found += rf"\fB{plain(strong.replace('`', ''))}\fR"
        elif emphasis:
            found += rf"\fI{plain(emphasis)}\fR"
        else:
            found += inline(link)
        end = match.end()
    return found + plain(text[end:])


def line(text: str) -> str:
    """Return a line of roff that is no request, whatever it begins with."""
    return rf"\&{text}" if text.startswith((".", "'")) else text


def fill(text: str) -> list[str]:
    """Return roff text as short lines, which are filled when they are shown."""
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [line(one) for one in lines]


def code(lines: Sequence[str]) -> list[str]:
    """Return a block of code, as it stands."""
    return [".PP", ".in +4n", ".EX", *(line(literal(one)) for one in lines), ".EE", ".in"]


def item(tag: str, text: str) -> list[str]:
    """Return an item of a list of terms; both are roff."""
    return [".TP", line(tag), *(fill(text) or [r"\&"])]


def page(markdown: str) -> list[str]:
    """Return the lines of a page, without the header of a man page."""
    found: list[str] = []
    blocks = _blocks(markdown)
    for kind, lines in blocks:
        found += _RENDER[kind](lines)
    return tidy(found)


def tidy(lines: Sequence[str]) -> list[str]:
    """Return lines without the paragraphs that a heading begins anyhow."""
    headings = (".SH", ".SS", ".RS")
    before = ["", *lines]
    return [
        one
        for last, one in zip(before, lines, strict=False)
        if not (one == ".PP" and last.startswith(headings))
    ]


# --- blocks -----------------------------------------------------------------------------------

Block = tuple[str, list[str]]


def _blocks(markdown: str) -> Iterator[Block]:
    """Yield the blocks of a page, each with its kind and its lines."""
    lines = iter(markdown.splitlines())
    held: list[str] = []
    for one in lines:
        if one.startswith("```"):
            yield from _flush(held)
            yield "code", list(iter(lambda: next(lines), "```"))
        elif one.startswith("<!--"):
            continue
        elif not one:
            yield from _flush(held)
        elif one.startswith("#"):
            yield from _flush(held)
            yield "heading", [one]
        else:
            # A list may follow a paragraph without an empty line.
            if held and _kind(one) == "list" != _kind(held[0]):
                yield from _flush(held)
            held.append(one)
    yield from _flush(held)


def _flush(held: list[str]) -> Iterator[Block]:
    if held:
        yield _kind(held[0]), held.copy()
        held.clear()


def _kind(first: str) -> str:
    marks = {"|": "table", "- ": "list", "> ": "quote"}
    return next((kind for mark, kind in marks.items() if first.startswith(mark)), "paragraph")


def _heading(lines: list[str]) -> list[str]:
    marks, _, title = lines[0].partition(" ")
    bare = title.replace("`", "")
    # The page's own title is in the header.
    if marks == "#":
        return []
    return [f".SH {plain(bare.upper())}" if marks == "##" else f".SS {plain(bare)}"]


def _paragraph(lines: list[str]) -> list[str]:
    return [".PP", *fill(inline(" ".join(lines)))]


def _list(lines: list[str]) -> list[str]:
    text = "\n".join(lines)
    items = [" ".join(one.split()) for one in re.split(r"^- ", text, flags=re.MULTILINE)[1:]]
    return [part for one in items for part in (r".IP \(bu 2", *fill(inline(one)))]


def _quote(lines: list[str]) -> list[str]:
    return [".RS", *_paragraph([one.removeprefix("> ") for one in lines]), ".RE"]


def _table(lines: list[str]) -> list[str]:
    titles, _, *rows = map(_cells, lines)
    found: list[str] = []
    for cells in rows:
        tag = inline(cells[0])
        if titles[1:] == ["type", "default", "meaning"]:
            default = f"; default: {inline(cells[2])}" if cells[2] else ""
            tag += f" ({inline(cells[1])}{default})"
        text = cells[-1]
        found += item(tag, inline(text))
    return found


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


_RENDER = {
    "code": code,
    "heading": _heading,
    "paragraph": _paragraph,
    "list": _list,
    "quote": _quote,
    "table": _table,
}
