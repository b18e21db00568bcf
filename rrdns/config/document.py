"""YAML text to plain data whose every part can be found again by line and column.

This room never opens a file. The tree that comes out holds the source text of each scalar, so that
YAML 1.1's readings (``no`` is false, ``1:30`` is 90) are the business of whoever knows what is
wanted at a place, and never change a key.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from rrdns.errors import Problem

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # pragma: no cover - PyYAML built without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

Path = tuple[str | int, ...]

MAX_DEPTH = 32
MAX_ALIASED = 10_000
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "value"})


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as it stands in the file: `kind` is how YAML reads it (str, int, float, bool...)."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands where the document already has a problem, so that nothing complains twice."""


Tree = Any
"""None | Scalar | Broken | list[Tree] | dict[str, Tree]"""


class Document:
    """A file's tree, and the places of its parts.

    `unsure` are the top-level keys under which something could not be read, with ``""`` for all.
    """

    def __init__(self, file: str, root: yaml.Node | None) -> None:
        self.file = file
        self.tree: Tree = {}
        self.unsure = frozenset([""])
        self._root = root
        self._index: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = {}

    def locate(self, path: Path) -> tuple[int, int, Path]:
        """Return line and column (from 1) of a path, and how much of the path the file has.

        The mark of a scalar is its own; that of a mapping or list is its key's, where it has one.
        """
        node = mark = self._root
        known: list[str | int] = []
        for step in path:
            if step == 0 and isinstance(step, int) and not isinstance(node, yaml.SequenceNode):
                continue  # a single value that stands where a list may stand
            key, child = self._child(node, step)
            if child is None:
                break
            node = child
            mark = child if key is None or isinstance(child, yaml.ScalarNode) else key
            known.append(step)
        return (*_mark(mark), tuple(known))

    def locate_key(self, path: Path) -> tuple[int, int]:
        """Return line and column of the key that ends a path, or of the nearest thing known."""
        node = self._root
        for step in path[:-1]:
            if step != 0 or isinstance(node, yaml.SequenceNode):
                _, node = self._child(node, step)
        key, _ = self._child(node, path[-1])
        return _mark(key) if key is not None else self.locate(path)[:2]

    def _child(
        self, node: yaml.Node | None, step: str | int
    ) -> tuple[yaml.Node | None, yaml.Node | None]:
        if isinstance(node, yaml.MappingNode) and isinstance(step, str):
            if id(node) not in self._index:
                pairs = reversed(node.value)
                self._index[id(node)] = {str(k.value): (k, v) for k, v in pairs}
            return self._index[id(node)].get(step, (None, None))
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return None, node.value[step]
        return None, None


def _mark(node: yaml.Node | yaml.Event | None) -> tuple[int, int]:
    mark = None if node is None else node.start_mark
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def path_text(path: Sequence[Hashable]) -> str:
    """Return a path as messages show it: ``zones.example.com.hosts."".addresses[0]``."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            text = str(step)
            plain = text and text.isprintable()
            shown += ("." if shown else "") + (text if plain else repr(text).replace("'", '"'))
    return shown


def read_document(file: str, text: str) -> tuple[Document, list[Problem]]:
    """Parse YAML text; the tree is ``{}`` where the text as a whole could not be read."""
    document = Document(file, None)
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - (text.rfind("\n", 0, bad.start()) + 1) + 1
        found = "a NUL byte" if bad[0] == "\0" else f"the control character U+{ord(bad[0]):04X}"
        return document, [Problem(file, line, column, "", f"{found} cannot stand here: remove it")]
    try:
        too_deep = _too_deep(file, text)
        if too_deep:
            return document, [too_deep]
        # The C loader is a subclass of SafeLoader in all but name.
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        return document, [_syntax_problem(file, text, error)]
    if root is None:
        return document, [Problem(file, 1, 1, "", "the file is empty: nodes, at least, are needed")]
    if not isinstance(root, yaml.MappingNode):
        message = "the file must be a mapping (server:, nodes:, zones: ...)"
        return document, [Problem(file, *_mark(root), "", message)]
    document = Document(file, root)
    converter = _Converter(document)
    tree = converter.convert(root, ())
    document.tree = {} if isinstance(tree, Broken) else tree
    document.unsure = frozenset(converter.unsure)
    return document, converter.problems


def _too_deep(file: str, text: str) -> Problem | None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line, column = _mark(event)
                message = f"nested deeper than {MAX_DEPTH} levels: no setting is that deep"
                return Problem(file, line, column, "", message)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _syntax_problem(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    source = lines[line] if line < len(lines) else ""
    context = ""
    if error.context and error.context_mark and error.context_mark.line != line:
        context = f" ({error.context} that starts on line {error.context_mark.line + 1})"
    if "another document" in str(error.problem):
        return Problem(file, line + 1, column + 1, "", "a second document starts here: remove it")
    hint = ""
    if source[: column + 1].endswith("\t"):
        hint = ": indent with spaces, not with tabs"
    elif re.search(r"::|\]:[0-9]", source):
        hint = ': write addresses with colons in quotes ("2001:db8::1", "[::]:53")'
    elif "mapping values" in str(error.problem):
        hint = ": put a value that contains ': ' in quotes"
    elif source[column : column + 1] in ("@", "`", "%"):
        hint = f": put a value that starts with {source[column]} in quotes"
    message = f"not valid YAML: {error.problem}{context}{hint}"
    return Problem(file, line + 1, column + 1, "", message)


class _Converter:
    """Turns composed nodes into a tree, noting everything that a configuration may not have."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.unsure: set[str] = set()
        self._open: set[int] = set()
        self._seen: set[int] = set()
        self._aliased = 0

    def convert(self, node: yaml.Node, path: Path) -> Tree:
        if id(node) in self._open:
            return self._broken(node, path, "an alias that contains itself: write the value out")
        if id(node) in self._seen:
            self._aliased += 1
            if self._aliased > MAX_ALIASED:
                # One message is enough: each further alias would repeat it.
                if self._aliased == MAX_ALIASED + 1:
                    self._broken(
                        node, path, f"aliases repeat more than {MAX_ALIASED} values: write them out"
                    )
                return Broken()
        self._seen.add(id(node))
        self._open.add(id(node))
        try:
            return self._value(node, path)
        finally:
            self._open.discard(id(node))

    def _value(self, node: yaml.Node, path: Path) -> Tree:
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.convert(item, (*path, n)) for n, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return dict(self._pairs(node, path))
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            return None if kind == "null" else Scalar(node.value, kind)
        if kind == "merge":
            return self._broken(node, path, "put << in quotes if it is meant as text")
        shown = kind if kind != node.tag else node.tag
        return self._broken(node, path, f"the tag {shown} is not supported: remove it")

    def _pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Tree]]:
        first: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._broken(key, path, "a key must be plain text, not a mapping or a list")
            elif key.tag == _TAG + "merge":
                self._broken(key, path, "merge keys (<<) are not supported: write the keys out")
            elif key.value == "" and not key.style:
                self._broken(key, path, 'the key is missing: write "" (in quotes) for the apex')
            elif key.value in first:
                message = f"this key stands twice (first on line {first[key.value]}): remove one"
                self._broken(key, (*path, key.value), message)
            else:
                first[key.value] = key.start_mark.line + 1
                yield key.value, self.convert(value, (*path, key.value))

    def _broken(self, node: yaml.Node, path: Path, message: str) -> Broken:
        line, column = _mark(node)
        self.unsure.add(str(path[0]) if path else "")
        self.problems.append(Problem(self.document.file, line, column, path_text(path), message))
        return Broken()
