"""Policies, tiers and the fallback of a real server, asked with dig."""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Dig
from support.control import Control
from support.executors import require_native
from support.ports import free_port
from support.serving import fetch, nodes_at, rrdns, serving, start_node
from support.tables import ask as packet
from support.tables import first_address
from support.waiting import wait_until

NODES = {"server1": "127.0.26.1", "server2": "127.0.26.2", "server3": "127.0.26.3"}
ONE, TWO, THREE = NODES.values()
BALANCER = "127.0.26.9"
ODD_WEIGHTS = (97, 50, 13, 5)


def write(
    directory: Path,
    port: int,
    hosts: str,
    nodes: str,
    health: str,
    http: str = "null",
    executor: str = "auto",
) -> Path:
    path = directory / "rrdns.yaml"
    path.write_text(f"""\
server:
  listen: ["127.0.0.1:{port}"]
  http: {http}
  control: {directory}/control.sock
  state_directory: null
  udp_workers: 1
  executor: {executor}
health: {{{health}}}
nodes:
{nodes}
zones:
  example.com:
    nameservers: {{ns1: [198.51.100.53], ns2: [203.0.113.53]}}
    hosts:
{hosts}
""")
    return path


@pytest.fixture(scope="module", params=["native", "python"])
def settled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Dig, Control]]:
    """A server with one loop over three nodes that are always up, with weights 3, 1 and 0."""
    if request.param == "native":
        require_native()
    directory, port = tmp_path_factory.mktemp("policies"), free_port()
    path = write(
        directory,
        port,
        hosts="""\
      turns: {role: primary}
      shuffled: {role: primary, policy: random}
      heavy: {role: primary, policy: weighted}
      cut: {role: primary, max_answers: 2}
      flapping: {role: primary}
      odd: {role: primary, pool: odd, policy: weighted}
""",
        nodes=f"""\
  server1: {{primary: {ONE}, weight: 3}}
  server2: {{primary: {TWO}, weight: 1}}
  server3: {{primary: {THREE}, weight: 0}}
"""
        + "".join(
            f"  odd{weight}: {{primary: 127.0.26.{100 + weight}, weight: {weight}, pool: odd}}\n"
            for weight in ODD_WEIGHTS
        ),
        health="check: none",
        executor=request.param,
    )
    with serving(path):
        yield Dig("127.0.0.1", port), Control(directory / "control.sock")


def ask(dig: Dig, host: str, count: int) -> list[tuple[str, ...]]:
    return [tuple(dig(f"{host}.example.com", "A").values) for _ in range(count)]


def test_round_robin_turns_the_list_by_one(settled: tuple[Dig, Control]) -> None:
    ring = [ONE, TWO, THREE, ONE, TWO]
    orders = ask(settled[0], "turns", 6)
    assert orders[:3] == orders[3:]
    leads = [order[0] for order in orders[:3]]
    assert sorted(leads) == [ONE, TWO, THREE]
    for order in orders:
        assert order == tuple(ring[ring.index(order[0]) :][:3])


def test_random_shuffles_and_all_lead_equally(settled: tuple[Dig, Control]) -> None:
    orders = ask(settled[0], "shuffled", 30)
    assert Counter(order[0] for order in orders) == {ONE: 10, TWO: 10, THREE: 10}
    assert {len(set(order)) for order in orders} == {3}
    # Turns of one list would be three orders.
    assert len(set(orders)) > 3


def test_weighted_leads_follow_the_weights(settled: tuple[Dig, Control]) -> None:
    orders = ask(settled[0], "heavy", 16)
    assert Counter(order[0] for order in orders) == {ONE: 12, TWO: 4}
    assert {frozenset(order) for order in orders} == {frozenset(NODES.values())}


def test_over_10000_queries_weights_are_met_within_2_percent(
    settled: tuple[Dig, Control],
) -> None:
    leads: Counter[int] = Counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect((settled[0].address, settled[0].port))
        asker.settimeout(5)
        for _ in range(10_000):
            asker.send(packet("odd.example.com."))
            leads[first_address(asker.recv(512))[-1] - 100] += 1
    assert leads.keys() == set(ODD_WEIGHTS)
    for weight, times in leads.items():
        assert times == pytest.approx(10_000 * weight / sum(ODD_WEIGHTS), rel=0.02)


def test_cut_answers_give_each_its_places(settled: tuple[Dig, Control]) -> None:
    orders = ask(settled[0], "cut", 9)
    assert {len(order) for order in orders} == {2}
    assert Counter(place for order in orders for place in order) == {ONE: 6, TWO: 6, THREE: 6}


def test_a_node_that_flaps_with_every_query_leaves_the_others_even(
    settled: tuple[Dig, Control],
) -> None:
    dig, control = settled
    leads: Counter[str] = Counter()
    for state in ("down", "up") * 10:
        control.put("server2", state)
        ((lead, *_),) = ask(dig, "flapping", 1)
        leads[lead] += 1
    control.put("server2", "auto")
    assert abs(leads[ONE] - leads[THREE]) <= 1
    shown = control.status()["hosts"]
    (host,) = [one for one in shown if one["host"] == "flapping.example.com."]
    assert host["leads"] == {address: leads[address] for address in NODES.values()}


def test_tiers_and_the_fallback_step_in_and_back(tmp_path: Path, port: int) -> None:
    smtp, http = free_port(ONE), free_port()
    path = write(
        tmp_path,
        port,
        hosts=f"""\
      mx1: {{role: primary}}
      mx2: {{role: primary, tiers: 1}}
      mx4: {{addresses: [{BALANCER}], fallback: mx1}}
""",
        nodes=f"""\
  server1: {{primary: {ONE}}}
  server2: {{primary: {TWO}}}
  server3: {{primary: {THREE}, tier: 2}}
""",
        health=f"port: {smtp}, interval: 300ms, fast_interval: 100ms",
        http=f'"127.0.0.1:{http}"',
    )
    dig = Dig("127.0.0.1", port)
    places = {name: [f"{address}:{smtp}"] for name, address in NODES.items()}
    places["balancer"] = [f"{BALANCER}:{smtp}"]

    def answers(expected: dict[str, set[str]], what: str) -> None:
        wait_until(
            lambda: all(
                dig.addresses(f"{host}.example.com") == found for host, found in expected.items()
            ),
            20,
            what,
        )

    def degraded() -> set[str]:
        """The hosts that the metrics and the status call degraded; the two must agree."""
        page = fetch(f"http://127.0.0.1:{http}/metrics").splitlines()
        metric = {
            line.split('host="')[1].split(".")[0]
            for line in page
            if line.startswith("rrdns_host_degraded{") and line.endswith(" 1.0")
        }
        shown = json.loads(fetch(f"http://127.0.0.1:{http}/api/v1/status"))["hosts"]
        assert metric == {host["host"].split(".")[0] for host in shown if host["degraded"]}
        return metric

    with nodes_at(places, tmp_path) as nodes, serving(path):
        answers({"mx1": {ONE, TWO}, "mx2": {ONE, TWO}, "mx4": {BALANCER}}, "tier 1 answers")
        assert degraded() == set()
        nodes["server1"].kill()
        nodes["balancer"].kill()
        answers({"mx1": {TWO}, "mx4": {TWO}}, "mx1 stands in for mx4")
        assert degraded() == {"mx4"}
        told = rrdns("-c", str(path), "explain", "mx4.example.com", "A").stdout
        assert "(round-robin, degraded: none is healthy, by fallback)" in told
        assert "  fallback: mx1.example.com.\n" in told
        assert f"in  {TWO}  server2/primary, tier 1: healthy" in told
        assert f"out {THREE}  server3/primary, tier 2: healthy, kept in reserve" in told
        nodes["server2"].kill()
        answers({"mx1": {THREE}, "mx2": {ONE, TWO}, "mx4": {THREE}}, "tier 2 answers")
        assert degraded() == {"mx2", "mx4"}
        nodes["server3"].kill()
        answers({"mx1": {ONE, TWO}, "mx2": {ONE, TWO}, "mx4": {BALANCER}}, "all fail open")
        assert degraded() == {"mx1", "mx2", "mx4"}
        nodes["balancer"] = start_node(places["balancer"], tmp_path / "again.log")
        nodes["server2"] = start_node(places["server2"], tmp_path / "again2.log")
        answers({"mx1": {TWO}, "mx2": {TWO}, "mx4": {BALANCER}}, "the balancer answers again")
        assert degraded() == set()
