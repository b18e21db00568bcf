"""The page about the configuration knows every key, and its examples load."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from rrdns.config import schema
from rrdns.errors import Severity
from rrdns.loading import load

PAGE = (Path(__file__).parents[3] / "docs/configuration.md").read_text()
SECTIONS: dict[str, type[BaseModel]] = {
    "`server`": schema.ServerModel,
    "`server.log`": schema.LogModel,
    "`limits`": schema.LimitsModel,
    "`health`": schema.HealthModel,
    "`health.source`": schema.SourceModel,
    "`nodes`": schema.NodeModel,
    "`zones`": schema.ZoneModel,
    "`soa`": schema.SoaModel,
    "`hosts`": schema.HostModel,
    "`records`": schema.RecordModel,
    "`profiles`": schema.ProfileModel,
    "`domains`": schema.DomainsModel,
}
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
# What an example leaves out.
REST = {
    "nodes": "nodes: {server1: {primary: 192.0.2.11, secondary: 192.0.2.12}}\n",
    "zones": """\
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts: {mx1: {role: primary}, mx2: {role: primary}}
""",
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_tables_have_exactly_the_keys_of_the_schema(heading: str) -> None:
    section = re.search(rf"^##+ {heading}\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section is not None
    keys = re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE)
    assert keys == list(dict.fromkeys(keys))
    assert set(keys) == set(SECTIONS[heading].model_fields)


def test_the_page_has_a_section_for_each_top_level_key() -> None:
    headings = re.findall(r"^## `(\w+)`$", PAGE, re.MULTILINE)
    assert headings == list(schema.RootModel.model_fields)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_loads(example: str, tmp_path: Path) -> None:
    (tmp_path / "domains.txt").write_text("other.test\n")
    (tmp_path / "example.zone").write_text("www A 192.0.2.80\n")
    missing = "".join(
        text for key, text in REST.items() if not re.search(f"^{key}:", example, re.MULTILINE)
    )
    path = tmp_path / "rrdns.yaml"
    path.write_text(example + missing)
    warnings = [p for p in load(path).problems if p.severity is not Severity.INFO]
    assert warnings == []


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


def test_every_shipped_file_is_on_the_page() -> None:
    for path in (Path(__file__).parents[3] / "config").glob("*.yaml"):
        assert f"(../config/{path.name})" in PAGE
