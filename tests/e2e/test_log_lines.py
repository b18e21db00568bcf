"""The log of a real server: a line for what happens to it, in both forms, and none for a query."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import pytest
from support.control import Control
from support.ports import free_port
from support.processes import Background
from support.serving import configuration, nodes_at, serving
from support.waiting import wait_until

HEALTH = "port: {port}, interval: 200ms, fast_interval: 50ms, fall: 2, rise: 2"
QUERIES = 300
LEADING = re.compile(r"time=\d\S+Z level=(?:info|warning|error) logger=rrdns\S* (?=\S)")
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


def events(server: Background, form: str) -> Iterator[dict[str, Any]]:
    """Yield the keys of each line that tells an event; every line is of the form."""
    for line in server.output.splitlines():
        if form == "json":
            document = json.loads(line)
            assert {"time", "level", "logger"} < set(document), line
            assert ("msg" in document) is not ("event" in document), line
        else:
            assert LEADING.match(line), line
            document = dict(PAIR.findall(line))
        if "event" in document:
            yield document


@pytest.mark.parametrize("form", ["text", "json"])
def test_one_line_for_each_thing_that_happens_and_none_for_a_query(
    form: str, tmp_path: Path
) -> None:
    smtp, port = free_port("127.0.6.1"), free_port()
    listen = [f"127.0.0.1:{port}", f"127.0.6.9:{port}"]
    places = {name: [f"127.0.6.{at}:{smtp}"] for at, name in enumerate(("server1", "server2"), 1)}
    path = tmp_path / "rrdns.yaml"
    text = configuration(
        listen=listen,
        nodes={"server1": "127.0.6.1", "server2": "127.0.6.2"},
        directory=tmp_path,
        health=HEALTH.format(port=smtp),
        limits="responses_per_second: 0",
        server=f"  log: {{format: {form}}}\n",
    )
    path.write_text(text)
    ready = {"text": "event=ready", "json": '"event": "ready"'}[form]
    with nodes_at(places, tmp_path) as nodes, serving(path, ready=ready) as server:

        def told(word: str, **keys: str) -> list[dict[str, Any]]:
            found = [event for event in events(server, form) if event["event"] == word]
            return [event for event in found if keys.items() <= event.items()]

        assert [event["listen"] for event in told("ready")] == [",".join(listen)]
        assert len(told("target_state", state="up")) == 2

        before = server.output
        for _ in range(QUERIES):
            query = dns.message.make_query("mx1.example.com", "A")
            dns.query.udp(query, "127.0.0.1", timeout=5, port=port)
        assert server.output == before

        nodes["server1"].kill()
        wait_until(lambda: told("target_state", state="down"), 20, "the node's end is told")
        (down,) = told("target_state", state="down")
        assert (down["address"], down["was"], down["result"]) == ("127.0.6.1", "up", "unreachable")

        control = Control(tmp_path / "control.sock")
        path.write_text(text.replace("customer.test", "another.test"))
        assert control.request("POST", "/api/v1/reload")[0] == 200
        assert len(told("reloaded")) == 1
        path.write_text(text.replace("customer.test", "not a domain"))
        assert control.request("POST", "/api/v1/reload")[0] == 422
        (refused,) = told("reload_refused")
        assert (refused["errors"], refused["level"]) == ("1", "error")

        server.send(signal.SIGTERM)
        assert server.wait() == 0
        assert len(told("stopping")) == 1
        words = [event["event"] for event in events(server, form)]
    assert (words.count("ready"), words.count("target_state"), words[-1]) == (1, 3, "stopping")
