"""The page about the configuration tells the type and the default that each key really has."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from rrdns.config import schema
from rrdns.config.document import read_document

PAGE = (Path(__file__).parents[3] / "docs/configuration.md").read_text()
MODELS: dict[str, type[BaseModel]] = {
    "server": schema.ServerModel,
    "server.log": schema.LogModel,
    "limits": schema.LimitsModel,
    "health": schema.HealthModel,
    "health.source": schema.SourceModel,
    "nodes": schema.NodeModel,
    "zones": schema.ZoneModel,
    "soa": schema.SoaModel,
    "hosts": schema.HostModel,
    "records": schema.RecordModel,
    "profiles": schema.ProfileModel,
    "domains": schema.DomainsModel,
}
# What else a section needs.
REST = {"records": "type: A\n", "profiles": "nameservers: [ns1.example]\nmx: none\n"}
# What is written for each type: values that are taken, and values that are refused.
KINDS: dict[str, tuple[list[str], list[str]]] = {
    "": ([], ["nonsense"]),
    "IPv4 address": (["192.0.2.1"], ["example.com", '"2001:db8::1"']),
    "IPv6 address": (['"2001:db8::1"'], ["example.com", "192.0.2.1"]),
    "address or list": (["192.0.2.1", '[192.0.2.1, "2001:db8::1"]'], ["example.com", "{}"]),
    "address with port": (['"127.0.0.1:80"', '"[::1]:80"'], ["127.0.0.1", "80", '"::1:80"']),
    "addresses with ports": (['["127.0.0.1:53"]', '"[::1]:53"'], ["[127.0.0.1]", "[53]"]),
    "boolean": (["true", "false"], ["1", "maybe", "[]"]),
    "duration": (["5", "5s", "2m", "1h", "1d"], ["soon", "-1s", "1 s", "[5s]"]),
    "group": (["adm"], ["a b", "[adm]"]),
    "host": (["mx1"], ["[mx1]"]),
    "host name": (["mx.example.com"], ["a b", "[mx.example.com]"]),
    "list": (["[a, b]"], []),
    "list of names": (["[a.example]"], ["{}"]),
    "mail address": (["postmaster@example.com"], ["[a@b.example]", "a b"]),
    "mapping": (["{}"], ["word", "[a]"]),
    "name": (["ns1"], ["[ns1]"]),
    "name or mail address": (["hostmaster", "a@b.example"], ["[hostmaster]"]),
    "names with addresses": (["{ns1: 192.0.2.1, ns2.a.example: []}"], ["{}", "ns1", "[ns1]"]),
    "networks": (["[192.0.2.0/24, 10.1.2.3]"], ["10.0.0.0/8", "[example.com]"]),
    "one value": (["x", "{a: b}"], []),
    "path": (["/a/b", "a.txt"], ['""', "[a]"]),
    "percentage": (["0%", "100%"], ["101%", "50 %"]),
    "record type": (["A", "TYPE65280"], ["[A]"]),
    "text": (["ns1", "some words"], ["yes", "[a]"]),
    "user": (["rrdns"], ["a b", "[rrdns]"]),
    "word": (["lab"], ["a b", "[[lab]]"]),
    "word or list": (["lab", "[lab, other]"], ["a b", "{}"]),
}
# The page tells these once for all of them, under "How values are written".
TTLS = {"ttl": 0, "minimum": 0, "refresh": 1, "retry": 1, "expire": 1}
# In words on the page, because no value says the same: nothing stands for it in the schema.
IN_WORDS: dict[str, Any] = {
    "the first name server": None,
    "`hostmaster` in the zone": None,
    "the zone's": None,
    "none, with a warning": {},
}


class Row(NamedTuple):
    """A row of one of the page's tables."""

    section: str
    key: str
    kind: str
    default: str


def _rows() -> Iterator[Row]:
    for section in MODELS:
        found = re.search(rf"^##+ `{section}`\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE)
        assert found is not None
        for line in re.findall(r"^\| `\w+` \|.*$", found[1], re.MULTILINE):
            key, kind, default, _ = (cell.strip() for cell in line.strip("|").split("|"))
            yield Row(section, key.strip("`"), kind, default)


ROWS = list(_rows())
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}-{row.key}")


def read(row: Row, text: str) -> Any:
    """Return what the schema reads of a value; ValueError where it refuses it."""
    rest = REST.get(row.section, "")
    text = f"{row.key}: {text}\n" + "".join(
        line for line in rest.splitlines(keepends=True) if not line.startswith(row.key)
    )
    document, problems = read_document("rrdns.yaml", text)
    if problems:
        raise ValueError(problems[0].message)
    return getattr(MODELS[row.section].model_validate(document.tree), row.key)


def accepts(row: Row, text: str) -> bool:
    """Tell whether a value is taken at a key."""
    try:
        read(row, text)
    except ValueError:
        return False
    return True


def test_the_page_has_all_tables() -> None:
    assert {(row.section, row.key) for row in ROWS} == {
        (section, key) for section, model in MODELS.items() for key in model.model_fields
    }


@rows
def test_the_default_is_what_the_page_says(row: Row) -> None:
    field = MODELS[row.section].model_fields[row.key]
    if row.default == "**required**":
        assert field.is_required()
    elif row.default in IN_WORDS:
        assert field.default == IN_WORDS[row.default]
    elif row.default == "":
        # Nothing, or a mapping whose own keys have a table.
        assert field.default is None or isinstance(field.default, BaseModel)
    elif (row.section, row.key) == ("hosts", "pool"):
        # Left out, it is filled in later: beside `addresses` it must not stand.
        assert (row.default, field.default) == ("`default`", None)
    else:
        # Written into a file, it is the same as nothing.
        written, default = read(row, row.default.strip("`")), field.default
        if row.key == "listen":
            # Endpoints that nobody wrote may be missing: that is not in their text.
            written, default = [*map(str, written)], [*map(str, default)]
        assert written == default


@rows
def test_null_is_taken_where_the_page_says(row: Row) -> None:
    default = MODELS[row.section].model_fields[row.key].default
    if row.kind.endswith(", or null"):
        assert read(row, "null") is None
        assert row.default == "null" or default is not None
    elif default is not None and row.key != "mx":
        assert not accepts(row, "null")


@rows
def test_the_type_is_what_the_page_says(row: Row) -> None:
    parts = re.split(r", or | or |, ", row.kind.removesuffix(", or null"))
    words = [part.strip("`") for part in parts if part.startswith("`")]
    numbers = [match for part in parts if (match := re.fullmatch(r"(\d+) to (\d+)", part))]
    # "word or list" is one kind.
    others = [part for part in parts if not part.startswith("`") and " to " not in part]
    taken, refused = KINDS[" or ".join(others)]
    for text in (*words, *taken):
        assert accepts(row, text), text
    for text in refused:
        assert not accepts(row, text), text
    for match in numbers:
        low, high = map(int, match.groups())
        assert [accepts(row, str(number)) for number in (low, high)] == [True, True]
        assert [accepts(row, str(number)) for number in (low - 1, high + 1)] == [False, False]
    if row.kind == "duration":
        ends = [("1ms", "0"), ("1d", "86401")]
        if row.key in TTLS:
            least, most = TTLS[row.key], 2**31 - 1
            ends = [(str(least), str(least - 1)), (str(most), str(most + 1)), ("1", "1500ms")]
        for inside, outside in ends:
            assert (accepts(row, inside), accepts(row, outside)) == (True, False)
