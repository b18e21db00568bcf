"""The fenced blocks of the README and of docs/: what is in them, and how it is to be tried.

The first word after the fence is the language, as everywhere. The words after it say where a block
belongs: `sh operator` is for a machine that a test has not (systemctl, docker, a foreign zone) and
is only looked at; `sh install` runs on a machine where nothing is installed; `yaml prometheus`,
`ini rrdns.service` and `zone example.com` say whose text it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OPERATOR = "operator"
_FENCE = re.compile(r"^( *)```(\S+)(?: ([^\n]*))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Fence(NamedTuple):
    """A block, with its page and the line of its fence."""

    page: Path
    line: int
    language: str
    word: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def fences(page: Path) -> Iterator[Fence]:
    """Yield a page's blocks in their order."""
    text = page.read_text()
    for match in _FENCE.finditer(text):
        _, language, word, body = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        yield Fence(page, line, language, word or "", body)


def console(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of a console block, each with the lines that it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *printed = part.splitlines()
        yield command, printed


def commands(fence: Fence) -> list[str]:
    """Return the commands of a shell or console block, continued lines joined."""
    if fence.language == "console":
        return [command for command, _ in console(fence.text)]
    joined = fence.text.replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


ALL = [fence for page in PAGES for fence in fences(page)]


def of(language: str, *words: str) -> list[Fence]:
    """Return all blocks of a language, and only those with one of the words, if any are given."""
    return [
        fence for fence in ALL if fence.language == language and (not words or fence.word in words)
    ]
