"""A View made of model values, as a service would build it for a small cluster."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rrdns.health.state import TargetState
from rrdns.model import (
    Choice,
    Contents,
    Host,
    HostAnswer,
    Member,
    Node,
    Profile,
    Selection,
    Snapshot,
    Soa,
    TrafficCounts,
    Zone,
)
from rrdns.names import from_text
from rrdns.settings import Config, Endpoint, Limits, ServerSettings
from rrdns.targets import (
    Check,
    Family,
    Health,
    ProbeResult,
    ProbeSettings,
    Reason,
    Target,
    TargetKey,
    Verdict,
)
from rrdns.web.view import ReloadState, View

SETTINGS = ProbeSettings()
MONOTONIC_NOW = 1000.0
UNIX_NOW = 1_764_000_000.0
APEX = from_text("example.com.")
CUSTOMER = from_text("customer.test.")
NO_TRAFFIC = TrafficCounts({}, {}, {}, {}, {}, 0, 0, 0)


def target(address: str, **settings: Any) -> Target:
    return Target(address, replace(SETTINGS, **settings))


def member(node: str, role: str, address: str, **settings: Any) -> Member:
    return Member(node, role, target(address, **settings))


def host(name: str, *members: Member) -> Host:
    return Host(from_text(name), members)


def state(
    verdict: Verdict,
    last: ProbeResult | None = None,
    *,
    since: float = MONOTONIC_NOW - 60,
    last_at: float | None = None,
) -> TargetState:
    return TargetState(
        verdict=verdict,
        since=since,
        successes=0,
        failures=0,
        last=last,
        last_at=last_at if last_at is not None or last is None else MONOTONIC_NOW - 2,
        added_by_reload=False,
    )


def answer(of: Host, family: Family, out: Mapping[str, Health], failopen: bool) -> HostAnswer:
    """Answer with the members that are not in `out`, or with all of them."""
    choices = tuple(
        Choice(
            one,
            out.get(one.target.address, Health.UP),
            failopen or one.target.address not in out,
            "",
        )
        for one in of.considered(family)
    )
    degraded = bool(choices) and all(choice.health is Health.DOWN for choice in choices)
    return HostAnswer(Selection(of, family, choices, failopen and bool(choices), degraded), ())


def make_view(
    *hosts: Host,
    states: Mapping[TargetKey, TargetState] | None = None,
    out: Mapping[str, Health] | None = None,
    failopen: bool = False,
    **changes: Any,
) -> View:
    soa = Soa(APEX, APEX, False, 1, 1, 1, 1, 1, 1)
    prefixes = {one.name.removesuffix(APEX): one for one in hosts}
    zones = {APEX: Zone(APEX, Contents(soa, {}, prefixes))}
    profiles = {"default": Profile("default", Contents(soa, {}))}
    domains = {CUSTOMER: profiles["default"]}
    config = Config(
        path="rrdns.yaml",
        sha256="0123abcd",
        server=ServerSettings((Endpoint("127.0.0.1", 53),), None, "control.sock"),
        limits=Limits(),
        probe_concurrency=500,
        nodes=(Node("server1", {}),),
        zones=zones,
        profiles=profiles,
        domains=domains,
    )
    answers = {
        (one.name, family.rrtype): answer(one, family, out or {}, failopen)
        for one in hosts
        for family in Family
    }
    view = View(
        config=config,
        snapshot=Snapshot(zones, profiles, domains, answers),
        states=states or {},
        generation=7,
        ready=True,
        troubles=(),
        reload=ReloadState(True, UNIX_NOW - 100, None, UNIX_NOW - 100),
        traffic=NO_TRAFFIC,
        probe_failures={},
        probes_void=0,
        publish_seconds=0.002,
        started_at=UNIX_NOW - 200,
        executor="python",
        monotonic_now=MONOTONIC_NOW,
        unix_now=UNIX_NOW,
    )
    return replace(view, **changes)


def cluster() -> View:
    """Two nodes behind mx1, one of them down; mx4 has addresses of its own, one not probed yet."""
    mx1 = host(
        "mx1.example.com.",
        member("server1", "primary", "192.0.2.11"),
        member("server2", "primary", "192.0.2.21"),
        member("server2", "primary", "2001:db8::21"),
    )
    mx2 = host("mx2.example.com.", member("server1", "primary", "192.0.2.11"))
    mx4 = host(
        "mx4.example.com.",
        member("mx4.example.com", "address", "192.0.2.11"),
        member("mx4.example.com", "address", "203.0.113.10", port=2525),
    )
    down = ProbeResult(Reason.TIMEOUT, "banner", None, None, {"connect": 0.004, "banner": 10.0})
    up = ProbeResult(Reason.OK, None, 250, "mx ready", {"connect": 0.001, "ehlo": 0.002})
    down_key = TargetKey("192.0.2.21", 25, Check.EHLO)
    return make_view(
        mx1,
        mx2,
        mx4,
        states={
            TargetKey("192.0.2.11", 25, Check.EHLO): state(Verdict.UP, up),
            down_key: state(Verdict.DOWN, down),
            TargetKey("2001:db8::21", 25, Check.EHLO): state(Verdict.DOWN, down),
            TargetKey("203.0.113.10", 2525, Check.EHLO): state(Verdict.UNKNOWN),
        },
        out={"192.0.2.21": Health.DOWN},
        traffic=replace(
            NO_TRAFFIC,
            requests={("udp", "ipv4", "MX"): 9},
            responses={("udp", "NOERROR"): 9},
            dropped={"short": 1},
            leads={("mx1.example.com.", "192.0.2.11"): 120, ("mx1.example.com.", "192.0.2.21"): 80},
            truncated=3,
            table_misses=2,
            tcp_connections=4,
        ),
        probe_failures={(down_key, Reason.TIMEOUT): 5},
        probes_void=6,
    )
