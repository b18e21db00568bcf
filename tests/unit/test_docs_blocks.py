"""Every fenced block of the README and of docs/ is tried, or at least looked at.

Those that run as commands are run by tests/e2e/test_docs_commands.py and test_demo.py.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import yaml
from support.fences import ALL, OPERATOR, PAGES, ROOT, Fence, commands, of

from rrdns.cli import VERBS, cli
from rrdns.dns.zonefile import parse_zone_file
from rrdns.errors import Severity
from rrdns.loading import load
from rrdns.names import from_text

# What a block of configuration leaves out.
REST = {
    "nodes": "nodes: {server1: {primary: 192.0.2.11, secondary: 192.0.2.12}}\n",
    "zones": "zones: {example.com: {nameservers: {ns1: 192.0.2.53, ns2: 192.0.2.54},"
    " hosts: {mx1: {role: primary}, mx2: {role: primary}}}}\n",
}
KNOWN = {
    ("console", ""), ("console", "demo"), ("ini", "rrdns.service"), ("ini", "rrdns.socket"),
    ("mermaid", ""), ("nft", ""), ("promql", ""), ("sh", ""), ("sh", "install"), ("sh", OPERATOR),
    ("sh", "own"), ("yaml", ""), ("yaml", "prometheus"), ("zone", "example.com"),
}  # fmt: skip


def blocks(found: list[Fence]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", found, ids=str)


def test_every_block_is_of_a_kind_that_some_test_tries() -> None:
    assert {(fence.language, fence.word) for fence in ALL} == KNOWN


@blocks(of("yaml", ""))
def test_a_configuration_loads(block: Fence, tmp_path: Path) -> None:
    (tmp_path / "domains.txt").write_text("another.test\n")
    (tmp_path / "example.zone").write_text("www A 192.0.2.80\n")
    (tmp_path / "cookie.secrets").write_text("0123456789abcdef0123456789abcdef\n")
    path = tmp_path / "rrdns.yaml"
    rest = [text for key, text in REST.items() if key not in yaml.safe_load(block.text)]
    path.write_text(block.text + "".join(rest))
    assert [one for one in load(path).problems if one.severity is Severity.ERROR] == []


def _checked(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@blocks(of("yaml", "prometheus"))
def test_prometheus_takes_its_configuration(
    block: Fence, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    (tmp_path / "rules.yml").symlink_to(ROOT / "deploy/prometheus/rules.yml")
    path = tmp_path / "prometheus.yml"
    path.write_text(block.text)
    _checked(require_program("promtool"), "check", "config", path)


def test_prometheus_understands_every_expression(
    tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    # Expressions that stand in one block are apart by a comment.
    texts = [
        part
        for fence in of("promql")
        for part in re.split(r"^#.*$", fence.text, flags=re.MULTILINE)
    ]
    rules = [
        {"record": f"docs:{number}", "expr": text.strip()}
        for number, text in enumerate(filter(str.strip, texts))
    ]
    assert len(rules) >= 8
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "docs", "rules": rules}]}))
    _checked(require_program("promtool"), "check", "rules", path)


@blocks(of("ini"))
def test_systemd_takes_a_drop_in(
    block: Fence, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    for name in ("rrdns.service", "rrdns.socket"):
        text = (ROOT / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/rrdns/.venv/bin/rrdns", "/bin/true"))
    with (tmp_path / block.word).open("a") as unit:
        unit.write(f"\n{block.text}")
    words = ("verify", "--man=no", "--recursive-errors=no")
    _checked(require_program("systemd-analyze"), *words, tmp_path / block.word)


@blocks(of("nft"))
def test_nft_takes_a_rule_set(
    block: Fence, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    require_program("unshare")
    path = tmp_path / "rules.nft"
    path.write_text(block.text)
    _checked("unshare", "--net", require_program("nft"), "--check", "--file", path)


@blocks(of("zone"))
def test_a_zone_fragment_is_what_the_shipped_configuration_wants(block: Fence) -> None:
    apex = from_text(f"{block.word}.")
    rrsets, problems = parse_zone_file(block.text, str(block), apex, 3600)
    assert problems == []
    config = load(ROOT / "config/delegated-names.yaml").config
    delegated = {found.owner for found in rrsets if found.rrset.rrtype == 2}
    assert delegated == set(config.zones)


@blocks(of("sh", OPERATOR))
def test_what_is_not_run_names_what_there_is(block: Fence) -> None:
    for command in commands(block):
        words = shlex.split(command, comments=True)
        for word in words:
            if re.match(r"(?:config|deploy|systemd|docs)/", word):
                assert (ROOT / word).exists(), command
        if words[0] == "systemctl":
            units = [word for word in words if word.startswith("rrdns.")]
            assert all((ROOT / "systemd" / unit).exists() for unit in units)
        if words[0] == "make":
            targets = [word for word in words[1:] if "=" not in word]
            makefile = (ROOT / "Makefile").read_text()
            assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets), (
                command
            )
        for argument in re.findall(r"--build-arg (\w+)=", command):
            assert re.search(rf"^ARG {argument}=", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        if "rrdns" in (Path(word).name for word in words):
            _check_verb(words)


def _check_verb(words: list[str]) -> None:
    """Check the verb and the options of a command line that has `rrdns` in it."""
    verbs = [word for word in words if word in VERBS]
    if not verbs:
        return
    command = cli.get_command(click.Context(cli), verbs[0])
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    rest = words[words.index(verbs[0]) + 1 :]
    assert {word for word in rest if word.startswith("--")} <= known | {"--help"}


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        # `make bench` writes them.
        if place.parent.name == "bench" and place.stem == "results":
            continue
        assert place.exists(), target
        if anchor:
            assert anchor in _anchors(place), target


def test_the_readme_has_every_verb_and_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.partition("## Commands")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `rrdns ([\w-]+)", table, re.MULTILINE)) == set(VERBS)
    assert [page.name for page in PAGES[2:] if f"(docs/{page.name})" not in readme] == []
