"""Status tables: what a person sees of a status document."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from rrdns.cli.tables import console, render, show

NOW = 1_764_000_100.0


def _node(**changes: Any) -> dict[str, Any]:
    return {
        "node": "server1",
        "role": "primary",
        "address": "192.0.2.11",
        "port": 25,
        "state": "up",
        "override": None,
        "in_rotation": True,
        "since": NOW - 7200,
        "last": {
            "result": "ok",
            "phase": None,
            "code": 250,
            "text": "mx ready",
            "at": NOW - 2,
            "seconds": {"connect": 0.001, "banner": 0.003},
        },
    } | changes


def _host(**changes: Any) -> dict[str, Any]:
    return {
        "host": "mx1.example.com.",
        "family": "ipv4",
        "failopen": False,
        "degraded": False,
        "addresses": ["192.0.2.11", "192.0.2.21"],
        "leads": {"192.0.2.11": 30, "192.0.2.21": 10},
    } | changes


def _text(
    *, nodes: list[dict[str, Any]], hosts: list[dict[str, Any]], width: int = 200, **changes: Any
) -> str:
    document = {
        "generation": 7,
        "ready": True,
        "config": {"sha256": "00", "loaded": NOW - 90, "last_error": None},
        "domains": 2,
        "nodes": nodes,
        "hosts": hosts,
    } | changes
    out = io.StringIO()
    Console(file=out, width=width).print(render(document, NOW))
    return out.getvalue()


def _row(text: str, word: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(word)]
    return [cell for cell in line.split("  ") if cell.strip()]


def test_a_healthy_node_and_its_host() -> None:
    text = _text(nodes=[_node()], hosts=[_host()])
    assert "ready, generation 7, 2 domains, configuration loaded 1m ago" in text
    assert [cell.strip() for cell in _row(text, "server1")] == [
        "server1",
        "primary",
        "192.0.2.11:25",
        "up",
        "in",
        "2h",
        "75 %",
        "ok 250 mx ready (4 ms, 2s ago)",
    ]
    assert "192.0.2.11 (75 %), 192.0.2.21 (25 %)" in _row(text, "mx1")[-1]
    assert "\x1b" not in text


def test_a_narrow_terminal_cuts_only_the_last_result() -> None:
    text = _text(nodes=[_node(address="2001:db8::2:11")], hosts=[], width=80)
    (line,) = [line for line in text.splitlines() if line.startswith("server1")]
    assert "[2001:db8::2:11]:25" in line
    assert line.rstrip().endswith("…")


def test_a_failing_node_says_in_which_phase() -> None:
    last = {
        "result": "timeout",
        "phase": "banner",
        "code": None,
        "text": None,
        "at": NOW,
        "seconds": {"connect": 0.001, "banner": 10},
    }
    text = _text(nodes=[_node(state="down", in_rotation=False, last=last)], hosts=[])
    assert [cell.strip() for cell in _row(text, "server1")][3:5] == ["down", "out"]
    assert "timeout in banner (10001 ms, 0s ago)" in text


def test_a_node_that_was_never_probed() -> None:
    text = _text(nodes=[_node(state="unknown", last=None, since=None)], hosts=[])
    assert "not probed yet" in text


def test_an_override_is_told_with_its_end_and_its_reason() -> None:
    override = {
        "role": None, "state": "down", "since": NOW - 600, "until": NOW + 7200,
        "reason": "new disks",
    }  # fmt: skip
    overrides = [
        {"node": "server1", **override, "idle": False, "kept": True},
        {
            "node": "gone", "role": "primary", "state": "up", "since": NOW - 5, "until": None,
            "reason": "", "idle": True, "kept": False,
        },
    ]  # fmt: skip
    text = _text(nodes=[_node(state="down", override=override)], hosts=[], overrides=overrides)
    lines = [re.sub(r"\s{2,}", "  ", line).strip() for line in text.splitlines()]
    assert "OVERRIDE  STATE  SINCE  ENDS  REASON" in lines
    assert "server1  down  10m ago  in 2h  new disks" in lines
    assert (
        "gone/primary  up  5s ago  when lifted"
        "  (not in the configuration) (will not survive a restart)"
    ) in lines
    assert "down (override)" in text


def test_without_overrides_there_is_no_table_of_them() -> None:
    assert "OVERRIDE" not in _text(nodes=[_node()], hosts=[], overrides=[])


def test_a_host_in_trouble_and_one_without_answers() -> None:
    hosts = [
        _host(failopen=True, degraded=True, leads={}),
        _host(host="mx2.example.com.", family="ipv6", addresses=[], leads={}),
    ]
    text = _text(nodes=[], hosts=hosts)
    assert "degraded, failopen" in text
    assert "192.0.2.11 (-)" in text
    assert "nothing (NODATA)" in text


def test_not_ready_and_a_refused_reload_stand_first() -> None:
    text = _text(
        nodes=[],
        hosts=[],
        ready=False,
        domains=1,
        config={"sha256": "00", "loaded": NOW - 90000, "last_error": "rrdns.yaml:3:1: no"},
    )
    assert text.startswith(
        "not ready, generation 7, 1 domain, configuration loaded 1d ago\n"
        "last reload refused: rrdns.yaml:3:1: no\n"
    )


def _many(count: int) -> dict[str, Any]:
    addresses = [f"10.{i >> 8}.{i & 255}.1" for i in range(count)]
    return {
        "generation": 1,
        "ready": True,
        "config": {"sha256": "00", "loaded": NOW, "last_error": None},
        "domains": 1,
        "nodes": [_node(node=f"server{i}", address=one) for i, one in enumerate(addresses)],
        "hosts": [_host(addresses=addresses, leads=dict.fromkeys(addresses, 1))],
    }


def test_a_screen_has_those_in_trouble_first_and_tells_how_many_more() -> None:
    document = _many(5000)
    document["nodes"][4000] |= {"state": "down", "in_rotation": False}
    document["nodes"][4500]["override"] = {"role": None}
    out = io.StringIO()
    Console(file=out, width=120).print(render(document, NOW, most=24))
    lines = out.getvalue().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("NODE")) + 1
    names = [line.split()[0] for line in lines[at : at + 25]]
    assert names == ["server4000", "server4500", *(f"server{i}" for i in range(22)), "and"]
    assert "and 4976 more addresses" in out.getvalue()
    assert "and 4976 more" in " ".join(lines[-3:])


def test_whole_tables_of_thousands_have_every_address() -> None:
    text = _text(**{key: _many(300)[key] for key in ("nodes", "hosts")})
    assert len(re.findall(r"^server\d+ ", text, re.MULTILINE)) == 300
    assert "more" not in text


@pytest.mark.parametrize("width", [20, 40, 60])
def test_no_terminal_is_too_narrow(width: int) -> None:
    text = _text(nodes=[_node()], hosts=[_host()], width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "ready" in text


def test_colours_are_for_terminals_and_not_for_those_who_want_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(console(), render(_many(2), NOW))
    assert "\x1b[32m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    show(console(), render(_many(2), NOW))
    assert not re.search(r"\x1b\[[\d;]*[34]\dm", capsys.readouterr().out)
