"""The page about metrics has exactly the families, labels, values and alerts that there are."""

import re
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from rrdns.health.steps import PHASES
from rrdns.rrtypes import RCODE_MNEMONICS
from rrdns.targets import Family, Verdict
from rrdns.web.metrics import FAMILIES, TARGET

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/metrics.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the last table that stands under a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section is not None
    lines = section[1].rpartition("|---|")[2].splitlines()[1:]
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def codes(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def test_the_families_are_those_of_the_code_in_its_order() -> None:
    told = []
    for name, kind, labels, meaning in rows("Families"):
        assert meaning.endswith((".", ")"))
        words = labels.replace("target", ", ".join(TARGET)).split(", ") if labels else []
        told.append((name.strip("`"), kind, tuple(words)))
    assert told == [(family.name, family.kind, family.labels) for family in FAMILIES]


def test_the_metrics_of_the_process_are_listed() -> None:
    _, _, after = PAGE.partition("The usual metrics of a process")
    found = [
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in ProcessCollector(registry=CollectorRegistry()).collect()
    ]
    assert codes(after.partition("\n")[0]) == set(found)


def test_the_values_of_labels_are_those_of_the_code() -> None:
    section = PAGE.partition("## Values of labels")[2].partition("Reasons of")[0]
    told = {
        label: codes(values.partition(" (")[0] if label != "action" else values)
        for label, values in re.findall(r"^\| (\w+) \| (.*) \|$", section, re.MULTILINE)
        if label != "label"
    }
    assert told.pop("type") == {"other"}
    assert told == {
        "proto": {"udp", "tcp"},
        "family": {str(family) for family in Family},
        "rcode": set(RCODE_MNEMONICS.values()),
        "action": _counted(r'_counts\["(\w+)"\]', "rrdns/table/ratelimit.py"),
        "state": {str(verdict) for verdict in Verdict if verdict is not Verdict.UNKNOWN},
        "phase": {"connect", *PHASES.values()},
    }


def test_the_reasons_of_drops_are_those_of_the_code() -> None:
    told = {cells[0].strip("`") for cells in rows("Values of labels")}
    sources = [str(path.relative_to(ROOT)) for path in (ROOT / "rrdns/server").glob("*.py*")]
    found = _counted(r'dropped\["(\w+)"', *sources)
    found |= _counted(r'dropped\["\w+" if .* else "(\w+)"', *sources)
    found |= _counted(r'^ +\("(\w+)", self\._drops', "rrdns/server/_loop.pyx")
    assert told == found


def _counted(pattern: str, *sources: str) -> set[str]:
    texts = [(ROOT / source).read_text() for source in sources]
    return {word for text in texts for word in re.findall(pattern, text, re.MULTILINE)}


def test_the_alerts_are_those_that_are_shipped() -> None:
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())["groups"]
    told = [(name, severity) for name, severity, *_ in rows("What to alert on")]
    assert told == [(rule["alert"], rule["labels"]["severity"]) for rule in group["rules"]]
