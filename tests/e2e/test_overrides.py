"""An operator overrules the checks of a real server: at once, and through reloads and restarts."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from support.asking import Dig
from support.control import Control
from support.ports import free_port
from support.processes import Background
from support.serving import configuration, fetch, nodes_at, rrdns, serving
from support.waiting import wait_until

ONE, TWO = "127.0.25.1", "127.0.25.2"
BOTH = {ONE, TWO}
MX1 = "mx1.example.com"


class Site(NamedTuple):
    """A configuration with two nodes, and who asks the server that has it."""

    path: Path
    state: Path
    dig: Dig
    control: Control

    def addresses(self) -> set[str]:
        return self.dig.addresses(MX1)


def make_site(
    directory: Path, port: int, health: str = "check: none", http: str = "null", **changes: str
) -> Site:
    path, state = directory / "rrdns.yaml", directory / "state"
    state.mkdir(exist_ok=True)
    text = configuration(
        listen=[f"127.0.0.1:{port}"],
        nodes={"server1": ONE, "server2": TWO},
        directory=directory,
        http=http,
        health=health,
    )
    path.write_text(text.replace("state_directory: null", f"state_directory: {state}"))
    return Site(path, state, Dig("127.0.0.1", port), Control(directory / "control.sock"))


@pytest.fixture
def site(tmp_path: Path, port: int) -> Site:
    return make_site(tmp_path, port)


@contextmanager
def killed_after(path: Path) -> Iterator[Background]:
    """Serve, and end that with a SIGKILL."""
    with serving(path) as server:
        yield server
        server.kill()


def test_a_node_is_drained_and_taken_back(tmp_path: Path, port: int) -> None:
    smtp, http = free_port(ONE), free_port()
    health = f"port: {smtp}, interval: 200ms, fast_interval: 100ms"
    site = make_site(tmp_path, port, health, f'"127.0.0.1:{http}"')
    metrics = f"http://127.0.0.1:{http}/metrics"
    places = {"server1": [f"{ONE}:{smtp}"], "server2": [f"{TWO}:{smtp}"]}
    with nodes_at(places, tmp_path) as nodes, serving(site.path) as server:
        assert site.addresses() == BOTH
        command = ["-c", str(site.path)]
        down = rrdns(*command, "node", "down", "server1", "--for", "2h", "--reason", "new disks")
        # The verb ends once answers follow it: nothing to wait for.
        assert site.addresses() == {TWO}
        assert (down.returncode, down.stderr) == (0, ""), down
        assert down.stdout.startswith("server1: down for 2h, until ")
        assert down.stdout.endswith(": new disks\n")
        server.wait_for_output("event=override_set node=server1 state=down")

        shown = json.loads(rrdns(*command, "status", "--json").stdout)
        (node,) = [node for node in shown["nodes"] if node["node"] == "server1"]
        assert (node["state"], node["probed"]["state"]) == ("down", "up")
        assert (node["in_rotation"], node["override"]["reason"]) == (False, "new disks")
        told = site.dig("CH", "TXT", "status.rrdns").text
        assert f"server1/primary {ONE} down override until=" in told
        explained = rrdns(*command, "explain", MX1, "A")
        assert f"out {ONE}" in explained.stdout
        assert "by an operator's override (new disks)" in explained.stdout
        page = fetch(metrics)
        labels = f'address="{ONE}",node="server1",port="{smtp}",role="primary"'
        assert f'rrdns_node_override{{{labels},state="down"}} 1.0' in page
        assert f"rrdns_node_healthy{{{labels}}} 0.0" in page

        # Probing goes on: what becomes of the node meanwhile is known when it is taken back.
        nodes["server1"].kill()
        wait_until(
            lambda: (
                [n["probed"]["state"] for n in site.control.status()["nodes"]] == ["down", "up"]
            ),
            20,
            "the probes see the drained node die",
        )
        site.control.put("server1", "up")
        assert site.addresses() == BOTH
        auto = rrdns(*command, "node", "auto", "server*")
        assert site.addresses() == {TWO}
        assert auto.stdout.startswith("server1: auto (was up for ")
        assert "rrdns_node_override{" not in fetch(metrics)


def test_what_the_verb_refuses_and_warns_of(site: Site) -> None:
    command = ["-c", str(site.path), "node"]
    with serving(site.path):
        unknown = rrdns(*command, "down", "servr1")
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "did you mean server1 or server2?" in unknown.stderr
        refused = site.control.request(
            "PUT", "/api/v1/nodes/server1", {"state": "down", "for": "x"}
        )
        assert (refused[0], "for must be a duration" in refused[1]["error"]) == (400, True)
        assert site.addresses() == BOTH
        everything = rrdns(*command, "down", "server*/prim*")
        assert everything.returncode == 0
        assert len(everything.stdout.splitlines()) == 2
        assert "warning: mx1.example.com. ipv4: degraded" in everything.stderr
        # Fail open: a host is never without addresses.
        assert site.addresses() == BOTH


def test_an_override_survives_reloads_restarts_and_kills(site: Site) -> None:
    good = site.path.read_text()
    with serving(site.path) as server:
        site.control.put("server1", "down", reason="new disks")
        # A reload that lost the node keeps its override for the one that brings it back.
        site.path.write_text(good.replace(f"  server1: {{primary: {ONE}}}\n", ""))
        server.send(signal.SIGHUP)
        server.wait_for_output("event=override_idle node=server1")
        assert site.control.overrides()["server1"]["idle"] is True
        site.path.write_text(good)
        status, done = site.control.request("POST", "/api/v1/reload")
        assert (status, done["changes"][0]) == (200, "nodes: added server1")
        assert site.addresses() == {TWO}
    with killed_after(site.path) as server:
        assert "event=override_restored node=server1 state=down" in server.output
        assert site.addresses() == {TWO}
    with serving(site.path):
        assert site.addresses() == {TWO}
        assert site.control.overrides()["server1"]["reason"] == "new disks"
        site.control.put("server1", "auto")
    with serving(site.path):
        assert site.addresses() == BOTH


def test_the_end_of_an_override_does_not_depend_on_who_is_running(site: Site) -> None:
    with killed_after(site.path):
        first = site.control.put("server1", "down", **{"for": 2})
        second = site.control.put("server2", "up", **{"for": "4s"})
    ends = [done["changed"][0]["override"]["until"] for done in (first, second)]
    wait_until(lambda: time.time() > ends[0], 5, "the end of the first one")
    with serving(site.path) as server:
        assert "event=override_expired node=server1" in server.output
        # The very first answer knows.
        assert site.addresses() == BOTH
        wait_until(lambda: not site.control.overrides(), 10, "the end of the second one")
        assert time.time() >= ends[1] - 0.1


def test_a_restart_readmits_no_dead_node(tmp_path: Path, port: int) -> None:
    smtp = free_port(ONE)
    health = f"port: {smtp}, interval: 300ms, fast_interval: 100ms"
    site = make_site(tmp_path, port, f"{health}, connect_timeout: 300ms")
    # Nothing listens at the second one.
    with nodes_at({"server1": [f"{ONE}:{smtp}"]}, tmp_path):
        with killed_after(site.path):
            assert site.addresses() == {ONE}
            kept = site.state / "health.json"
            wait_until(
                lambda: kept.exists() and '"down"' in kept.read_text(), 10, "the verdict is kept"
            )
        # So slow to judge that no first round would find out.
        text = site.path.read_text()
        site.path.write_text(text.replace("fast_interval: 100ms", "fast_interval: 1h"))
        with serving(site.path) as server:
            assert site.addresses() == {ONE}
            assert [node["state"] for node in site.control.status()["nodes"]] == ["up", "down"]
            assert "state=down was=unknown" not in server.output
