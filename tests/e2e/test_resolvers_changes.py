"""What users of unbound and BIND see when nodes die, and how they are spread over the nodes."""

import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from support.resolvers import BIND, UNBOUND, Resolver, resolver
from support.small_internet import NODES, SmallInternet, behind, small_internet
from support.waiting import wait_until

NAMES = {"mx1.example.com": "primary", "mx2.corp.test": "secondary"}
# Each question of a resolver comes from another port, by IPv4 or IPv6, and each loop has a rotation
# of its own.
LOOPS = 2 * len(os.sched_getaffinity(0))
QUESTIONS = [(name, family) for name in NAMES for family in ("A", "AAAA")]

Resolvers = tuple[Resolver, Resolver]


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallInternet]:
    """One for all tests here: each leaves it as it was."""
    with small_internet(tmp_path_factory.mktemp("internet")) as running:
        yield running


@pytest.fixture(scope="module")
def resolvers(internet: SmallInternet) -> Iterator[Resolvers]:
    """Unbound and BIND."""
    with resolver(UNBOUND, internet) as unbound, resolver(BIND, internet) as bind:
        yield unbound, bind


def _answers(addresses: Callable[[str, str], set[str]]) -> list[set[str]]:
    return [addresses(name, family) for name, family in QUESTIONS]


def _expected(without: str) -> list[set[str]]:
    return _answers(lambda name, family: behind(NAMES[name], family, without=without))


def test_a_dead_node_leaves_what_resolvers_answer_and_comes_back(
    internet: SmallInternet, resolvers: Resolvers
) -> None:
    ours = internet.ours()

    def becomes(deadline_seconds: float, without: str) -> None:
        expected = _expected(without)
        wait_until(lambda: _answers(ours.addresses) == expected, deadline_seconds, "rrdns")
        for running in resolvers:
            # Nobody empties the cache here: the old answer goes when its second is over.
            brief = behind("primary", "A", without=without)
            wait_until(lambda: running.addresses("brief.example.com", "A") == brief, 3, "TTL")  # noqa: B023
            running.flush()
            assert _answers(running.addresses) == expected

    becomes(0, without="")
    internet.nodes["server2"].kill()
    becomes(4, without="server2")
    internet.revive("server2")
    becomes(6, without="")


@pytest.mark.parametrize("family", ["A", "AAAA"])
def test_the_users_of_resolvers_are_spread_over_the_nodes(
    resolvers: Resolvers, family: str
) -> None:
    # BIND orders a set as it likes, but an answer with one address leaves it no choice.
    for running in resolvers:
        found: Counter[str] = Counter()
        for _ in range(6 * len(NODES)):
            running.flush()
            found.update(running.ask("single.example.com", family).values)
        assert found.keys() == set(behind("primary", family))
        assert max(found.values()) - min(found.values()) <= LOOPS


def test_the_order_of_an_answer_passes_through_unbound(resolvers: Resolvers) -> None:
    unbound, _ = resolvers
    leads: Counter[str] = Counter()
    for _ in range(6 * len(NODES)):
        unbound.flush()
        leads[unbound.ask("mx1.example.com", "A").values[0]] += 1
    assert leads.keys() == set(behind("primary", "A"))
    assert max(leads.values()) - min(leads.values()) <= LOOPS


def test_a_domain_that_is_not_ours_is_what_they_find_fault_with(resolvers: Resolvers) -> None:
    for running in resolvers:
        assert running.faults() == []
        assert running.ask("stranger.test", "MX").status == "SERVFAIL"
        assert any("refused" in fault for fault in running.faults())
