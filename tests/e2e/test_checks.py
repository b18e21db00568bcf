"""Reasons are kept apart to the end: a server's log, status and metrics tell one from another."""

import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.ports import free_port
from support.serving import fetch, serving
from support.smtp_crowd import crowd
from support.smtp_peers import GOOD, script, silent
from support.smtp_tls import SOON, secured, trusted
from support.smtp_zoo import BYE, HELLO, MX
from support.waiting import wait_until

# node -> the peer that it is, its own settings, and what must be told of it: result, phase, code
# and text. `gone` has no peer.
NODES: dict[str, tuple[Any, str, tuple[str, str | None, int | None, str | None]]] = {
    "good": (script(*GOOD), "", ("ok", None, 250, "mx hello")),
    "secure": (secured(), "check: starttls, verify: true", ("ok", None, 250, "inside")),
    "takes": (script(HELLO, MX, MX, b"251 ok\r\n", MX, BYE), "check: rcpt",
              ("ok", None, 251, "ok")),
    "greets": (script(HELLO, BYE), "check: banner", ("ok", None, 220, "mx")),
    "accepts": (silent, "check: tcp", ("ok", None, None, None)),
    "gone": (None, "", ("unreachable", "connect", None, None)),
    "silent": (silent, "banner_timeout: 300ms", ("timeout", "banner", None, None)),
    "busy": (script(b"421 too busy\r\n", BYE), "", ("busy", "banner", 421, "too busy")),
    "rejects": (script(HELLO, MX, MX, b"550 who\r\n", MX, BYE), "check: rcpt",
                ("rejected", "rcpt", 550, "who")),
    "ssh": (script(b"SSH-2.0-x\r\n"), "", ("protocol", "banner", None, "SSH-2.0-x")),
    "plain": (script(*GOOD), "check: starttls", ("tls", "starttls", 250, "mx hello")),
}  # fmt: skip


Told = dict[str, tuple[str, str | None, int | None, str | None]]
TOLD: Told = {name: told for name, (_, _, told) in NODES.items()}


def written(path: Path, port: int, http: int, ports: Mapping[str, int]) -> None:
    """Write a configuration in which two hosts or more share each node."""
    listed = "".join(
        f"  {name}: {{primary: 127.0.0.1, pool: {name},"
        f" health: {{{', '.join(filter(None, (f'port: {ports[name]}', settings)))}}}}}\n"
        for name, (_, settings, _) in NODES.items()
    )
    hosts = "".join(
        f"      {mx}-{name}: {{role: primary, pool: {name}}}\n" for mx in "ab" for name in NODES
    )
    path.write_text(f"""\
server:
  listen: ["127.0.0.1:{port}"]
  http: "127.0.0.1:{http}"
  control: {path.parent}/control.sock
  state_directory: null
health: {{interval: 500ms, fast_interval: 500ms, helo: probe.test, recipient: a@customer.test}}
nodes:
{listed}zones:
  example.com:
    nameservers: {{ns1: [198.51.100.53], ns2: [203.0.113.53]}}
    hosts:
      mx1: {{role: primary, pool: secure}}
{hosts}""")


def told_by_status(http: int) -> Told:
    nodes = json.loads(fetch(f"http://127.0.0.1:{http}/api/v1/status"))["nodes"]
    found = {node["node"]: node["last"] for node in nodes if node["last"] is not None}
    return {
        name: (last["result"], last["phase"], last["code"], last["text"])
        for name, last in found.items()
    }


def told_by_metrics(page: str) -> dict[str, str]:
    """Return the reason of each node for which failures were counted, or ok."""
    success = r'^rrdns_probe_success\{.*node="(\w+)".*\} 1\.0$'
    failures = r'^rrdns_probe_failures_total\{.*node="(\w+)".*reason="(\w+)".*\} [1-9].*$'
    told = dict.fromkeys(re.findall(success, page, re.MULTILINE), "ok")
    return told | dict(re.findall(failures, page, re.MULTILINE))


def told_by_log(log: str, ports: Mapping[str, int]) -> Told:
    """Return what the log says of each node where its state changes."""
    by_port = {port: name for name, port in ports.items()}
    changes = re.findall(
        r"event=target_state.* port=(\d+).* result=(\w+)(?: phase=(\w+))?(?: code=(\d+))?"
        r'(?: text="([^"]*)")?',
        log,
    )
    return {
        by_port[int(port)]: (result, phase or None, int(code) if code else None, text or None)
        for port, result, phase, code, text in changes
    }


def test_reasons(tmp_path: Path) -> None:
    path = tmp_path / "rrdns.yaml"
    handlers = {name: node[0] for name, node in NODES.items() if node[0] is not None}
    with crowd(handlers) as peers, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ports = {name: one.port for name, one in peers.items()}
        ports["gone"] = unused.getsockname()[1]
        # Asked for last, or one of the peers could take it.
        http = free_port()
        written(path, free_port(), http, ports)
        with serving(path, env={"SSL_CERT_FILE": trusted(tmp_path)}) as server:
            wait_until(lambda: told_by_status(http) == TOLD, 20, "the reasons in the status")
            reasons = {name: told[0] for name, told in TOLD.items()}
            wait_until(
                lambda: told_by_metrics(fetch(f"http://127.0.0.1:{http}/metrics")) == reasons,
                20,
                "the reasons in the metrics",
            )
            page = fetch(f"http://127.0.0.1:{http}/metrics")
            wait_until(
                lambda: told_by_log(server.output, ports) == TOLD, 20, "the reasons in the log"
            )
            good = peers["good"]
            wait_until(lambda: len(good.came_at) >= 9, 30, "nine probes of one node")
    expiry = re.search(
        r'^rrdns_probe_ssl_earliest_cert_expiry\{.*node="secure".*\} (\S+)$', page, re.MULTILINE
    )
    assert expiry is not None
    assert float(expiry[1]) == SOON.timestamp()
    assert 'names="mx1.example.com",node="secure"' in page
    # However many hosts share a node: one probe at a time, at one pace.
    assert {name: one.most_under_way for name, one in peers.items()} == dict.fromkeys(peers, 1)
    pace = (good.came_at[-1] - good.came_at[0]) / (len(good.came_at) - 1)
    assert pace > 0.4
