"""A server, or only its event loop, stands still for five seconds under a thousand good targets.

Half of the targets stand still with it, as in a virtual machine that is paused: their answers are
not there when the server looks again, though nothing is wrong with them. One failure that counted
would take a target out.
"""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.asking import Dig
from support.ports import free_port
from support.processes import Background, background
from support.serving import configuration, fetch, serving
from support.waiting import wait_until

HALF = 500
STALL_SECONDS = 5.0
CROWD = Path(__file__).parent.parent / "support" / "smtp_thousands.py"
# Shorter than the stall, and longer than a peer takes.
HEALTH = "fall: 1, connect_timeout: 4s, banner_timeout: 4s, command_timeout: 4s"


def addresses(block: int) -> list[str]:
    return [f"127.{block}.{number // 250}.{number % 250 + 1}" for number in range(HALF)]


@contextmanager
def crowds(directory: Path) -> Iterator[list[tuple[Background, int]]]:
    """Run two crowds whose greetings take half a second, so that many probes are under way."""
    command = [sys.executable, str(CROWD), "0.0.0.0", "0.5"]
    with (
        background(command, directory / "one.log") as one,
        background(command, directory / "two.log") as two,
    ):
        yield [(each, int(each.wait_for_output("\n").split()[1])) for each in (one, two)]


def open_descriptors(server: Background) -> list[Path]:
    return list(Path(f"/proc/{server.pid}/fd").iterdir())


def metric(http: int, name: str) -> list[float]:
    page = fetch(f"http://127.0.0.1:{http}/metrics")
    return [float(line.split()[-1]) for line in page.splitlines() if line.startswith(name)]


def test_a_stopped_server_blames_no_node(tmp_path: Path, port: int) -> None:
    http = free_port()
    path = tmp_path / "rrdns.yaml"
    with crowds(tmp_path) as [(_, good), (paused, other)]:
        nodes = {f"a{number}": address for number, address in enumerate(addresses(26))}
        nodes |= {f"b{number}": address for number, address in enumerate(addresses(27))}
        text = configuration(
            listen=[f"127.0.0.1:{port}"],
            nodes=nodes,
            directory=tmp_path,
            http=f'"127.0.0.1:{http}"',
            health=HEALTH,
        )
        for address in addresses(26):
            text = text.replace(f" {address}}}", f" {address}, health: {{port: {good}}}}}")
        for address in addresses(27):
            text = text.replace(f" {address}}}", f" {address}, health: {{port: {other}}}}}")
        path.write_text(text)
        with serving(path) as server:
            dig = Dig("127.0.0.1", port)
            wait_until(lambda: server.output.count("state=up") == 2 * HALF, 20, "all are up")
            # What a stall is to hit: probes under way, and the more the better.
            wait_until(lambda: len(open_descriptors(server)) > 150, 20, "many probes at once")
            paused.send(signal.SIGSTOP)
            server.send(signal.SIGSTOP)
            time.sleep(STALL_SECONDS)
            server.send(signal.SIGCONT)
            resumed = time.monotonic()
            assert len(dig.addresses("mx1.example.com")) == 8
            assert time.monotonic() - resumed < 2
            time.sleep(0.2)
            paused.send(signal.SIGCONT)
            # Everyone is probed again soon.
            wait_until(lambda: max(metric(http, "rrdns_probe_age_seconds{")) < 4, 20, "recovery")
            print(f"recovery after {time.monotonic() - resumed:.1f} s")  # noqa: T201
            [void] = metric(http, "rrdns_probes_void_total ")
            print(f"void: {void:.0f}")  # noqa: T201
            assert void > 10
            assert sum(metric(http, "rrdns_probe_failures_total{")) == 0
            assert metric(http, "rrdns_node_healthy{") == [1.0] * 2 * HALF
            assert fetch(f"http://127.0.0.1:{http}/healthz") == "ok\n"
            assert "state=down" not in server.output
            assert "state=unknown" not in server.output


BLOCKED = """
import asyncio, json, os, signal, sys, time
from rrdns.health.scheduler import Scheduler
from rrdns.targets import ProbeSettings, Target

good, other, paused, seconds, places = json.loads(sys.argv[1])

def targets(port, addresses):
    settings = ProbeSettings(port=port, fall=1, connect_timeout_seconds=4.0,
                             banner_timeout_seconds=4.0, command_timeout_seconds=4.0)
    return [Target(address, settings) for address in addresses]

async def main():
    scheduler = Scheduler(concurrency=500, on_change=lambda: None)
    scheduler.set_targets([*targets(good, places[0]), *targets(other, places[1])],
                          added_by_reload=False)
    await scheduler.first_round(30)
    while len(os.listdir("/proc/self/fd")) < 150:
        await asyncio.sleep(0.01)
    told = [state.verdict for state in scheduler.states.values()]
    os.kill(paused, signal.SIGSTOP)
    time.sleep(seconds)
    stalled_until = time.monotonic()
    await asyncio.sleep(0.2)
    os.kill(paused, signal.SIGCONT)
    async with asyncio.timeout(30):
        while min(state.last_at for state in scheduler.states.values()) < stalled_until:
            await asyncio.sleep(0.05)
    result = {"before": sorted(set(told)), "void": scheduler.voided,
              "after": sorted({state.verdict for state in scheduler.states.values()}),
              "failures": len(scheduler.failures),
              "recovery": time.monotonic() - stalled_until}
    await scheduler.close()
    print(json.dumps(result))

asyncio.run(main())
"""


def test_a_blocked_event_loop_blames_no_node(tmp_path: Path) -> None:
    with crowds(tmp_path) as [(_, good), (paused, other)]:
        told = [good, other, paused.pid, STALL_SECONDS, [addresses(26), addresses(27)]]
        with background(
            [sys.executable, "-c", BLOCKED, json.dumps(told)], tmp_path / "blocked.log"
        ) as blocked:
            assert blocked.wait(60) == 0, blocked.output
            result = json.loads(blocked.output.splitlines()[-1])
    print(result)  # noqa: T201
    assert result.pop("void") > 10
    assert result.pop("recovery") < 20
    assert result == {"before": ["up"], "after": ["up"], "failures": 0}
