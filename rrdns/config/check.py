"""Checks a document against the schema and puts what pydantic finds into plain words.

A part with an error is left out and the rest is checked on, so that the errors of meaning in the
other parts are told at once with the errors of shape.
"""

import difflib
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rrdns.config.document import Broken, Document, Path, path_text, read_document
from rrdns.config.schema import NodeModel, RootModel
from rrdns.errors import Problem

_CONTAINERS = {
    "model_type": "a mapping of keys and values",
    "dict_type": "a mapping of keys and values",
    "list_type": "a list",
}
# Required keys for which Broken can stand where they are missing, so that what is beside them is
# still looked at.
_FILLED = ("nameservers", "mx")


@dataclass(frozen=True)
class Checked:
    """A configuration whose shape was checked: `root` is what is left without faulty parts."""

    document: Document
    root: RootModel
    problems: list[Problem]
    unsure: frozenset[str]


def check(file: str, text: str) -> Checked:
    """Read a configuration's text and check its shape."""
    document, problems = read_document(file, text)
    unsure: set[str] = set()
    tree = document.tree
    unsure.update(RootModel.model_fields if "" in document.unsure else document.unsure)
    told = False
    while True:
        try:
            root = RootModel.model_validate(tree)
            break
        except ValidationError as error:
            # Each round leaves something out, so this ends; what only a later round finds is a
            # consequence of the leaving out.
            details = error.errors(include_url=False)
        for detail in details:
            path = tuple(detail["loc"])
            if not told:
                problem = _problem(document, path, detail)
                if problem is not None:
                    problems.append(problem)
            unsure.update(_unsure(path, detail["type"]))
            if detail["type"] != "missing":
                tree = _without(tree, path)
            elif path[-1] in _FILLED:
                tree = _changed(tree, path, Broken())
            else:
                tree = _without(tree, path[:-1])
        told = True
    return Checked(document, root, problems, frozenset(unsure))


def _unsure(path: Path, kind: str) -> set[str]:
    if not path or (len(path) == 1 and kind == "extra_forbidden"):
        return set(RootModel.model_fields)
    return {str(path[0])}


def _without(tree: Any, path: Path) -> Any:
    """Return the tree without the part at `path`, or without the list that it is an item of."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return _changed(tree, path, None)


def _changed(tree: Any, path: Path, filler: Any) -> Any:
    """Return the tree with the part at `path` replaced, or left out if the filler is None."""
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        if not isinstance(tree, list):
            return _changed(tree, rest, filler)
        return [_changed(item, rest, filler) if n == step else item for n, item in enumerate(tree)]
    if not isinstance(tree, dict) or (rest and step not in tree):
        return tree  # left out already with something around it
    changed = dict(tree)
    if rest:
        changed[step] = _changed(tree[step], rest, filler)
    elif filler is None:
        changed.pop(step, None)
    else:
        changed[step] = filler
    return changed


def _problem(document: Document, path: Path, detail: Any) -> Problem | None:
    kind = detail["type"]
    if isinstance(detail["input"], Broken):
        return None
    if kind == "extra_forbidden":
        line, column = document.locate_key(path)
        shown = path_text((*document.locate(path[:-1])[2], path[-1]))
        return Problem(document.file, line, column, shown, _unknown_key(path))
    if kind == "missing":
        line, column, known = document.locate(path[:-1])
        shown = path_text(known)
        return Problem(document.file, line, column, shown, f"{path[-1]} is missing: it is required")
    line, column, known = document.locate(path)
    return Problem(document.file, line, column, path_text(known), _message(path, detail))


def _message(path: Path, detail: Any) -> str:
    value = detail["input"]
    if detail["type"] == "value_error":
        message = str(detail["ctx"]["error"])
        if len(path) > 2 and path[0] == "nodes":
            message += _role_hint(str(path[2]))
        return message
    wanted = _CONTAINERS[detail["type"]]
    if value is None:
        return f"must be {wanted}; it is empty: fill it in or remove the key"
    found = "a mapping" if isinstance(value, dict) else "a list"
    if not isinstance(value, (dict, list)):
        found = "a single value"
    return f"must be {wanted}, not {found}"


def _role_hint(role: str) -> str:
    meant = difflib.get_close_matches(role, NodeModel.model_fields, 1, 0.7)
    if role in NodeModel.model_fields or not meant:
        return ""
    return f" (every key but weight, tier, pool and health is a role; did you mean {meant[0]}?)"


def _unknown_key(path: Path) -> str:
    keys = _keys_at(path[:-1])
    meant = difflib.get_close_matches(str(path[-1]), keys, 1, 0.6)
    if meant:
        return f"unknown key: did you mean {meant[0]}?"
    return f"unknown key: the keys here are {', '.join(keys)}"


def _keys_at(path: Path) -> list[str]:
    current: Any = RootModel
    for step in path:
        current = _stripped(current)
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = current.model_fields[str(step)].annotation
        else:
            current = get_args(current)[-1]
    return list(_stripped(current).model_fields)


def _stripped(annotation: Any) -> Any:
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = get_args(annotation)[0]
    return annotation
