"""The scenarios: each starts its servers, loads them in turn, and returns sections of a report."""

from collections.abc import Callable, Mapping

from bench.options import Options
from bench.report import Section
from bench.scenarios import (
    domains,
    failing,
    floods,
    latency,
    loops,
    million,
    probes,
    profile,
    publish,
    tcp,
    udp,
)

Scenario = Callable[[Options], list[Section]]

# Asked for by name only: it makes the whole run too long.
EXTRA = frozenset({"tcpsingle"})
SCENARIOS: Mapping[str, Scenario] = {
    "mix": udp.mix,
    "closed": udp.closed_loop,
    "fixed": udp.fixed_rate,
    "nxdomain": udp.random_subdomains,
    "domains": domains.many_domains,
    "million": million.a_million,
    "misses": floods.misses,
    "tcp": tcp.pipelined,
    "tcpsingle": tcp.single_writes,
    "loops": loops.two_loops,
    "latency": latency.at_half_of_the_maximum,
    "publish": publish.after_a_verdict,
    "probes": probes.thousands_of_targets,
    "failover": failing.failover,
    "profile": profile.profiles,
    "limits": floods.rate_limiting,
}
