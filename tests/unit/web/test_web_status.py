import json
from dataclasses import replace

from support.web_views import UNIX_NOW, cluster, host, make_view, member, state

from rrdns.health.select import Overrides
from rrdns.targets import (
    Check,
    Health,
    Override,
    ProbeResult,
    Reason,
    TargetKey,
    TlsSession,
    Verdict,
)
from rrdns.web.status import status


def test_the_status_of_a_cluster_is_the_designs_json() -> None:
    found = json.loads(json.dumps(status(cluster())))
    assert found == {
        "generation": 7,
        "ready": True,
        "config": {"sha256": "0123abcd", "loaded": UNIX_NOW - 100, "last_error": None},
        "domains": 1,
        "overrides": [],
        "nodes": [
            {
                "node": "server1", "role": "primary", "address": "192.0.2.11", "port": 25,
                "state": "up", "override": None, "in_rotation": True, "since": UNIX_NOW - 60,
                "probed": {"state": "up", "since": UNIX_NOW - 60},
                "last": {
                    "result": "ok", "phase": None, "code": 250, "text": "mx ready",
                    "at": UNIX_NOW - 2, "seconds": {"connect": 0.001, "ehlo": 0.002},
                    "tls": None,
                },
            },
            {
                "node": "server2", "role": "primary", "address": "192.0.2.21", "port": 25,
                "state": "down", "override": None, "in_rotation": False, "since": UNIX_NOW - 60,
                "probed": {"state": "down", "since": UNIX_NOW - 60},
                "last": {
                    "result": "timeout", "phase": "banner", "code": None, "text": None,
                    "at": UNIX_NOW - 2, "seconds": {"connect": 0.004, "banner": 10.0},
                    "tls": None,
                },
            },
            {
                "node": "server2", "role": "primary", "address": "2001:db8::21", "port": 25,
                "state": "down", "override": None, "in_rotation": True, "since": UNIX_NOW - 60,
                "probed": {"state": "down", "since": UNIX_NOW - 60},
                "last": {
                    "result": "timeout", "phase": "banner", "code": None, "text": None,
                    "at": UNIX_NOW - 2, "seconds": {"connect": 0.004, "banner": 10.0},
                    "tls": None,
                },
            },
            {
                "node": "mx4.example.com", "role": "address", "address": "192.0.2.11", "port": 25,
                "state": "up", "override": None, "in_rotation": True, "since": UNIX_NOW - 60,
                "probed": {"state": "up", "since": UNIX_NOW - 60},
                "last": {
                    "result": "ok", "phase": None, "code": 250, "text": "mx ready",
                    "at": UNIX_NOW - 2, "seconds": {"connect": 0.001, "ehlo": 0.002},
                    "tls": None,
                },
            },
            {
                "node": "mx4.example.com", "role": "address", "address": "203.0.113.10",
                "port": 2525, "state": "unknown", "override": None, "in_rotation": True,
                "since": UNIX_NOW - 60, "last": None,
                "probed": {"state": "unknown", "since": UNIX_NOW - 60},
            },
        ],
        "hosts": [
            {
                "host": "mx1.example.com.", "family": "ipv4", "failopen": False, "degraded": False,
                "addresses": ["192.0.2.11"], "leads": {"192.0.2.11": 120, "192.0.2.21": 80},
            },
            {
                "host": "mx1.example.com.", "family": "ipv6", "failopen": False, "degraded": False,
                "addresses": ["2001:db8::21"], "leads": {"2001:db8::21": 0},
            },
            {
                "host": "mx2.example.com.", "family": "ipv4", "failopen": False, "degraded": False,
                "addresses": ["192.0.2.11"], "leads": {"192.0.2.11": 0},
            },
            {
                "host": "mx4.example.com.", "family": "ipv4", "failopen": False, "degraded": False,
                "addresses": ["192.0.2.11", "203.0.113.10"],
                "leads": {"192.0.2.11": 0, "203.0.113.10": 0},
            },
        ],
    }  # fmt: skip


def test_a_target_that_no_probe_has_seen_is_unknown_since_the_start() -> None:
    view = make_view(host("mx1.example.com.", member("server1", "primary", "192.0.2.11")))
    (node,) = status(view)["nodes"]
    assert (node["state"], node["since"], node["last"]) == ("unknown", view.started_at, None)


def test_a_host_whose_addresses_are_all_down_answers_with_all_and_says_so() -> None:
    view = make_view(
        host("mx1.example.com.", member("server1", "primary", "192.0.2.11")),
        out={"192.0.2.11": Health.DOWN},
        failopen=True,
    )
    (found,) = status(view)["hosts"]
    assert found["failopen"] is True
    assert found["degraded"] is True
    assert found["addresses"] == ["192.0.2.11"]


def test_the_error_of_a_refused_reload_is_shown() -> None:
    view = cluster()
    view = replace(view, reload=replace(view.reload, last_error="rrdns.yaml:3:1: nodes: empty"))
    assert status(view)["config"]["last_error"] == "rrdns.yaml:3:1: nodes: empty"


def test_an_override_beats_what_the_probes_say() -> None:
    node = Override(Verdict.DOWN, UNIX_NOW - 30, UNIX_NOW + 7200, "new disks")
    role = Override(Verdict.UP, UNIX_NOW - 20)
    overrides: Overrides = {("server1", None): node, ("server2", "primary"): role}
    view = replace(cluster(), overrides=overrides, saved_overrides={("server1", None): node})
    found = status(view)
    assert found["overrides"] == [
        {
            "node": "server1", "role": None, "state": "down", "since": UNIX_NOW - 30,
            "until": UNIX_NOW + 7200, "reason": "new disks", "idle": False, "kept": True,
        },
        {
            "node": "server2", "role": "primary", "state": "up", "since": UNIX_NOW - 20,
            "until": None, "reason": "", "idle": True, "kept": False,
        },
    ]  # fmt: skip
    by_address = {node["address"]: node for node in reversed(found["nodes"])}
    server1, server2 = by_address["192.0.2.11"], by_address["192.0.2.21"]
    assert (server1["state"], server1["since"]) == ("down", UNIX_NOW - 30)
    assert server1["probed"] == {"state": "up", "since": UNIX_NOW - 60}
    assert server1["override"] == {
        "role": None, "state": "down", "since": UNIX_NOW - 30, "until": UNIX_NOW + 7200,
        "reason": "new disks",
    }  # fmt: skip
    assert (server2["state"], server2["probed"]["state"]) == ("up", "down")
    assert server2["override"]["role"] == "primary"
    assert by_address["203.0.113.10"]["override"] is None


def test_what_tls_showed_is_part_of_the_last_probe() -> None:
    session = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", ("mx.test",), UNIX_NOW + 86400)
    key = TargetKey("192.0.2.11", 25, Check.STARTTLS)
    view = make_view(
        host("mx1.example.com.", member("server1", "primary", "192.0.2.11", check=Check.STARTTLS)),
        states={key: state(Verdict.UP, ProbeResult(Reason.OK, None, 250, "mx", {}, session))},
    )
    assert status(view)["nodes"][0]["last"]["tls"] == {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "names": ["mx.test"],
        "earliest_expiry": UNIX_NOW + 86400,
    }
