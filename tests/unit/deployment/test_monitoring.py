"""What `deploy/` gives to Prometheus and Grafana: it is valid, and asks for what there is."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.monitoring import DASHBOARD, DEPLOY, EXPRESSIONS, PROMETHEUS

from rrdns.loading import load
from rrdns.web.metrics import FAMILIES

LABELS = {family.name: {*family.labels, "instance", "job"} for family in FAMILIES}
# What every Prometheus has of a target, and its client library of a process.
OTHERS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}
# A metric with its selector, if it has one.
SELECTED = re.compile(r"\b((?:rrdns|process)_\w+|up)\b(?:\{([^}]*)\})?")


def promtool(tool: str, *arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [tool, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "rules.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "rules_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(
    arguments: tuple[str, ...], require_program: Callable[[str], str]
) -> None:
    *words, file = arguments
    code, said = promtool(require_program("promtool"), *words, PROMETHEUS / file)
    assert (code, "SUCCESS" in said) == (0, True), said


def test_every_alert_is_tested() -> None:
    (group,) = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    tested: dict[str, set[bool]] = {}
    for test in yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]:
        for case in test["alert_rule_test"]:
            tested.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    # Each is shown to come, and shown not to come.
    assert tested == {rule["alert"]: {False, True} for rule in group["rules"]}


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_every_metric_and_label_exists(title: str, expression: str) -> None:
    found = SELECTED.findall(expression)
    assert found, title
    for metric, selector in found:
        assert metric in LABELS or metric in OTHERS
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector):
            assert label in LABELS.get(metric, {"instance", "job"})
    known = set().union(*(LABELS.get(metric, set()) for metric, _ in found))
    for labels in re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", expression):
        assert {label.strip() for label in labels.split(",")} <= known


def test_the_dashboard_shows_every_family_that_tells_of_trouble() -> None:
    shown = {metric for _, expression in EXPRESSIONS for metric, _ in SELECTED.findall(expression)}
    # Those that stand for one number at the start of a process, or say the same as another.
    left_out = {
        "rrdns_start_time_seconds",
        "rrdns_probe_success",
        "rrdns_node_in_rotation",
        "rrdns_table_generation",
        "rrdns_config_last_reload_success_timestamp_seconds",
    }
    assert {name for name in LABELS if name not in left_out} <= shown


def test_panels_do_not_overlap_and_have_titles() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert panel["title"]
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells


def _mounts(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for volume in service.get("volumes", []):
        source, target, *_ = volume.split(":")
        yield source, target


def test_what_compose_mounts_and_builds_is_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    named = set(compose["volumes"])
    for service in compose["services"].values():
        for source, _ in _mounts(service):
            assert source in named or (DEPLOY / source).is_dir(), source
    build = compose["services"]["rrdns"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    # Prometheus asks rrdns by the service's name, at the port that its configuration opens.
    job = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"][0]
    assert job["static_configs"] == [{"targets": ["rrdns:9353"]}]
    config = load(DEPLOY / "rrdns" / "rrdns.yaml").config
    assert str(config.server.http) == "0.0.0.0:9353"
    assert [str(endpoint) for endpoint in config.server.listen] == ["0.0.0.0:53"]


def test_grafana_finds_the_data_source_and_the_dashboard() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    providers = yaml.safe_load((provisioning / "dashboards" / "rrdns.yaml").read_text())
    path = providers["providers"][0]["options"]["path"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert ("./grafana/dashboards", path) in set(_mounts(compose["services"]["grafana"]))
