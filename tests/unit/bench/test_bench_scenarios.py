"""What the benchmark's scenarios compute of what they saw, and what they ask."""

import ipaddress
from pathlib import Path

import pytest

from bench.burst import Burst
from bench.client import Stream, together
from bench.load import Answered
from bench.names import domain_names, questions, typical, wire_octets
from bench.profiling import KERNEL, parse
from bench.reloads import Reloads, lines_of
from bench.scenarios import EXTRA, SCENARIOS
from bench.scenarios.domains import beside_the_best
from bench.scenarios.latency import ratio_of_p99
from bench.scenarios.loops import ratio_of_rates
from bench.scenarios.million import octets_beyond
from bench.scenarios.probes import hosts_and_nodes, intervals
from bench.scenarios.profile import split_us
from bench.scenarios.publish import NODES, nodes
from bench.servers import SERVERS
from bench.servers.world import Job, Server
from bench.smtp import read_log

# --- names ------------------------------------------------------------------------------------


def test_names_of_domains_differ_and_are_the_same_in_every_run() -> None:
    names = domain_names(2000)
    assert len(set(names)) == 2000
    assert names == domain_names(2000)
    assert len({len(name) for name in names}) > 10
    assert len(typical(names)) == sorted(map(len, names))[1000]


def test_questions_are_for_names_at_random() -> None:
    names = domain_names(100)
    asked = questions(names, 500)
    assert len(asked) == 500
    assert {name for name, _ in asked} <= set(names)
    assert len({name for name, _ in asked}) > 90


def test_octets_of_names_are_those_of_the_wire() -> None:
    assert wire_octets(["ab.test"]) == len(b"\2ab\4test\0")
    assert octets_beyond(5_000 + 9 * 100, ["ab.test"] * 100) == pytest.approx(50)


# --- what the scenarios compute ---------------------------------------------------------------


def _answered(rate: float = 1.0, p99: float = 0.0) -> Answered:
    return Answered(100, 90, 10, 90, 90 / rate, p99_seconds=p99, load_cpu_seconds=0.5)


def test_several_clients_count_as_one() -> None:
    seen = together([_answered(p99=0.25), _answered(rate=0.5, p99=0.125)])
    assert (seen.sent, seen.completed, seen.lost, seen.good) == (200, 180, 20, 180)
    assert (seen.seconds, seen.p99_seconds, seen.load_cpu_seconds) == (180.0, 0.25, 1.0)


def test_the_clients_command_says_how_it_asks(tmp_path: Path) -> None:
    free = Stream(1.5).command(Path("client"), tmp_path / "m", 53)
    paced = Stream(1.5, rate=100, expected="NXDOMAIN", blocking=True)
    assert free == ["client", "53", str(tmp_path / "m"), "1.5", "10", "500", "0.0", "0", "0"]
    assert paced.command(Path("client"), tmp_path / "m", 53)[-3:] == ["100.0", "3", "1"]


def test_latencies_and_rates_are_compared_in_pairs() -> None:
    rounds = {
        "rrdns": [_answered(p99=1.0), _answered(p99=2.0), _answered(p99=4.0)],
        "nsd": [_answered(p99=2.0), _answered(p99=2.0), _answered(p99=2.0)],
    }
    assert ratio_of_p99(rounds, "rrdns", "nsd") == pytest.approx(1.0)
    two = [Burst(100, 100, seconds, 0.1) for seconds in (1.0, 2.0, 1.0)]
    one = [Burst(100, 100, seconds, 0.1) for seconds in (2.0, 3.0, 1.0)]
    assert ratio_of_rates(two, one) == pytest.approx(1.5)


def test_start_and_memory_are_compared_with_the_best_of_the_others() -> None:
    starts = {"rrdns": 1.0, "rrdns-python": 0.1, "nsd": 4.0, "bind": 8.0}
    sizes = {"rrdns": 100.0, "rrdns-python": 1.0, "nsd": 50.0, "bind": 400.0}
    assert beside_the_best(starts, sizes) == {"start_seconds": 1.0, "start": 0.25, "memory": 2.0}
    assert beside_the_best({"rrdns": 1.0}, {"rrdns": 9.0}) == {"start_seconds": 1.0}
    assert beside_the_best({"nsd": 1.0}, {"nsd": 9.0}) == {}


def test_memory_has_grown_if_it_ends_above_what_it_was_after_the_first_reloads() -> None:
    sizes = [10, 20, *[100] * 9, *[110] * 20]
    quiet = [_answered(p99=0.00005)]
    reloads = Reloads([0.25] * len(sizes), sizes, quiet, [_answered(p99=0.0005)])
    assert reloads.growth == pytest.approx(1.1)
    lines = lines_of(reloads)
    assert lines[1] == "| memory in the end by that after the first few reloads | 1.100 |"
    assert lines[2].endswith("no reload, us (lost) | 50 (10.00%) |")
    assert lines[3].endswith("all the time, us (lost) | 500 (10.00%) |")


def test_intervals_are_from_start_to_start_of_each_target() -> None:
    assert intervals({1: [0.0, 5.0, 9.5], 2: [3.0, 2.0]}) == [1.0, 4.5, 5.0]


def test_all_targets_are_different_and_some_host_has_each() -> None:
    hosts, lines = hosts_and_nodes(105)
    assert hosts.count("role: primary") == 5
    found = {line.split("primary: ")[1].split(",")[0] for line in lines.splitlines()}
    assert len(found) == 105
    assert all(ipaddress.IPv4Address(one).is_loopback for one in found)


def test_one_of_the_nodes_is_watched() -> None:
    lines = nodes(2525).splitlines()
    assert len(lines) == NODES
    assert sum("pool: watched" in line for line in lines) == 3


def test_connections_are_read_up_to_the_last_whole_one() -> None:
    data = (1_500_000_000).to_bytes(8, "little") + (0x7F000001).to_bytes(4, "little")
    assert read_log(data + data[:5]) == [(1.5, 0x7F000001)]


# --- profiles ---------------------------------------------------------------------------------

PERF = """\
# Overhead;Shared Object        ;Symbol
 60.00%  ;[kernel.kallsyms]     ;[k] udp_recvmsg
  5.00%  ;[kernel.kallsyms]     ;[k] do_syscall_64
 25.00%  ;_native.cpython-311-x86_64-linux-gnu.so;[.] execute
 10.00%  ;libc.so.6             ;[.] memcpy
  0.00%

""".splitlines()


def test_a_profile_is_divided_into_kernel_and_objects() -> None:
    sampled = parse(PERF)
    assert sampled.objects == {
        KERNEL: pytest.approx(0.65),
        "_native": pytest.approx(0.25),
        "libc": pytest.approx(0.1),
    }
    assert list(sampled.symbols) == [
        "udp_recvmsg (kernel)",
        "execute (_native)",
        "memcpy (libc)",
        "do_syscall_64 (kernel)",
    ]
    assert list(split_us(2.0, sampled)) == pytest.approx([1.3, 0.7])


# --- the set-up -------------------------------------------------------------------------------


def test_scenarios_that_are_left_out_are_scenarios() -> None:
    assert set(SCENARIOS) > EXTRA


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: str(server.name))
def test_every_server_is_given_the_port_and_all_domains(tmp_path: Path, server: Server) -> None:
    names = ["one.test", "two.test"]
    job = Job(tmp_path, 5399, names)
    command = server.write("program", job)
    assert command[0] == "program"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    text = "".join(f"{path.name}\n{path.read_text()}" for path in written)
    assert "5399" in text
    assert all(name in text for name in names)
