"""Reloads under load, cold starts, and the end by SIGTERM."""

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Dig
from support.dnsperf import dnsperf
from support.ports import free_port
from support.processes import Background, background
from support.serving import RRDNS, fetch, rrdns, serving
from support.waiting import wait_until

from bench.load import parse, write_queries

ADDRESSES = {"192.0.2.11", "192.0.2.21"}


@pytest.fixture
def load(port: int, tmp_path: Path) -> Iterator[Background]:
    """2,000 queries a second for 6 s; it starts with the test's first look at it."""
    queries = write_queries(tmp_path)
    queries.write_text("mx1.example.com A\nmx2.example.com A\ncustomer.test MX\n")
    command = dnsperf(port, queries, seconds=6, rate=2000, timeout_seconds=2)
    with background(command, tmp_path / "load.log") as run:
        yield run


def test_reloads_lose_no_query(
    path: Path, port: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    good = path.read_text()
    dig = Dig("127.0.0.1", port)
    with serving(path) as server:
        load: Background = request.getfixturevalue("load")
        load.wait_for_output("Sending queries")
        path.write_text(good.replace("192.0.2.21", "192.0.2.22"))
        server.send(signal.SIGHUP)
        changed = {"192.0.2.11", "192.0.2.22"}
        wait_until(lambda: dig.addresses("mx1.example.com") == changed, 5, "the good file counts")

        path.write_text(good.replace("role: primary", "role: nothing"))
        server.send(signal.SIGHUP)
        server.wait_for_output(f"{path}:", 5)
        assert dig.addresses("mx1.example.com") == changed

        path.write_text(good)
        server.send(signal.SIGHUP)
        wait_until(lambda: dig.addresses("mx1.example.com") == ADDRESSES, 5, "the mended file")
        assert load.process.poll() is None, "the reloads took longer than the load"
        assert load.wait(20) == 0
        answered = parse(load.output)
        assert answered.sent > 10_000
        assert (answered.lost, answered.good) == (0, answered.sent)


def test_the_reload_verb_tells_the_verdict(path: Path, port: int) -> None:
    good = path.read_text()
    with serving(path):
        path.write_text(good.replace("server2:", "server9:"))
        done = rrdns("-c", str(path), "reload")
        assert (done.returncode, done.stderr) == (0, ""), done
        path.write_text(good + "nonsense: 1\n")
        # The verb finds the control socket by the file, so it is told by another one.
        other = path.with_name("other.yaml")
        other.write_text(good)
        refused = rrdns("-c", str(other), "reload")
        assert refused.returncode == 1
        assert f"{path}:{len(good.splitlines()) + 1}:1" in refused.stdout + refused.stderr
        assert Dig("127.0.0.1", port).addresses("mx1.example.com") == ADDRESSES


def test_a_reload_of_100000_domains_delays_no_answer(path: Path, port: int, tmp_path: Path) -> None:
    domains = tmp_path / "domains.txt"
    domains.write_text("".join(f"customer{number}.test\n" for number in range(100_000)))
    path.write_text(path.read_text().replace("names: [customer.test]", "file: domains.txt"))
    queries = tmp_path / "queries.txt"
    queries.write_text("mx1.example.com A\ncustomer7.test MX\nwww.customer99999.test A\n")
    dig = Dig("127.0.0.1", port)
    command = dnsperf(port, queries, seconds=4, rate=1000, timeout_seconds=2)
    with serving(path) as server, background(command, tmp_path / "load.log") as load:
        load.wait_for_output("Sending queries")
        with domains.open("a") as file:
            file.write("another.test\n")
        server.send(signal.SIGHUP)
        wait_until(lambda: dig("another.test", "MX").values, 3, "the new domain is answered")
        assert load.wait(20) == 0
        assert (parse(load.output).lost, parse(load.output).sent > 3000) == (0, True)
        latency = re.search(r"Average Latency.*max ([\d.]+)", load.output)
        assert latency is not None
        # Files are read off the main thread; what is left is its turns with that thread.
        assert float(latency[1]) < 1.0


def test_a_cold_start_serves_the_good_lines_of_a_domain_file(
    path: Path, port: int, tmp_path: Path
) -> None:
    (tmp_path / "domains.txt").write_text("good.test\nbad domain.test\nlast.test\n")
    http = free_port()
    text = path.read_text().replace("names: [customer.test]", "file: domains.txt")
    path.write_text(text.replace("http: null", f'http: "127.0.0.1:{http}"'))
    dig = Dig("127.0.0.1", port)
    with serving(path) as server:
        assert f"{tmp_path}/domains.txt:2:" in server.output
        assert len(dig("good.test", "MX").values) == len(dig("last.test", "MX").values) == 2
        metrics = f"http://127.0.0.1:{http}/metrics"
        assert "\nrrdns_config_last_reload_successful 0.0\n" in fetch(metrics)
        refused = rrdns("-c", str(path), "reload")
        assert refused.returncode == 1
        assert f"{tmp_path}/domains.txt:2:" in refused.stdout + refused.stderr
        (tmp_path / "domains.txt").write_text("good.test\nlast.test\n")
        assert rrdns("-c", str(path), "reload").returncode == 0
        assert "\nrrdns_config_last_reload_successful 1.0\n" in fetch(metrics)


def test_sigterm_answers_what_it_has_and_exits_0(path: Path, port: int) -> None:
    head = bytes.fromhex("0000 0001 0000 0000 0000")
    question = b"\x03mx1\x07example\x03com\0" + bytes.fromhex("0001 0001")
    with (
        background([*RRDNS, "-c", str(path), "serve"], path.with_suffix(".log")) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker,
    ):
        server.wait_for_output("ready")
        asker.settimeout(5)
        asker.connect(("127.0.0.1", port))
        # While the server is stopped its questions wait in the socket; so does the signal.
        server.send(signal.SIGSTOP)
        for number in range(50):
            asker.send(bytes([1, number]) + head + question)
        server.send(signal.SIGTERM)
        server.send(signal.SIGCONT)
        assert {asker.recv(512)[1] for _ in range(50)} == set(range(50))
        assert server.wait() == 0
        assert "Traceback" not in server.output
    assert not (path.parent / "control.sock").exists()
