"""A server, or only an event loop, stands still for five seconds under a thousand good targets.

Half of the targets stand still with it, as in a virtual machine that is paused: their answers are
not there when somebody looks again, though nothing is wrong with them. One failure that counted
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
PEERS = Path(__file__).parent.parent / "support" / "smtp_thousands.py"
# Shorter than the stall, and longer than a peer takes.
HEALTH = "fall: 1, connect_timeout: 4s, banner_timeout: 4s, command_timeout: 4s"
# Another process with the same scheduler and probes, whose loop is blocked by a call when it is
# told to; it ends with what became of its targets.
BLOCKED = """
import asyncio, json, signal, sys, time
from rrdns.health.scheduler import Scheduler
from rrdns.targets import ProbeSettings, Target

seconds, *groups = json.loads(sys.argv[1])

def targets(port, addresses):
    settings = ProbeSettings(port=port, fall=1, connect_timeout_seconds=4.0,
                             banner_timeout_seconds=4.0, command_timeout_seconds=4.0)
    return [Target(address, settings) for address in addresses]

async def main():
    loop = asyncio.get_running_loop()
    scheduler = Scheduler(concurrency=500, on_change=lambda: None)
    blocked = asyncio.Event()

    def block():
        time.sleep(seconds)
        blocked.set()

    loop.add_signal_handler(signal.SIGUSR1, block)
    scheduler.set_targets([one for group in groups for one in targets(*group)],
                          added_by_reload=False)
    await scheduler.first_round(30)
    print("before", *{state.verdict for state in scheduler.states.values()}, flush=True)
    await blocked.wait()
    stalled_until = loop.time()
    async with asyncio.timeout(30):
        while min(state.last_at for state in scheduler.states.values()) < stalled_until:
            await asyncio.sleep(0.05)
    told = {"after": sorted({state.verdict for state in scheduler.states.values()}),
            "void": scheduler.voided, "failures": len(scheduler.failures),
            "recovery": loop.time() - stalled_until}
    await scheduler.close()
    print(json.dumps(told))

asyncio.run(main())
"""


def addresses(block: int) -> list[str]:
    return [f"127.{block}.{number // 250}.{number % 250 + 1}" for number in range(HALF)]


@contextmanager
def peers(directory: Path) -> Iterator[list[tuple[Background, int]]]:
    """Run peers, twice, whose greetings take their time: so many probes are under way."""
    command = [sys.executable, str(PEERS), "0.0.0.0", "1.2"]
    with (
        background(command, directory / "one.log") as one,
        background(command, directory / "two.log") as two,
    ):
        yield [(each, int(each.wait_for_output("\n").split()[1])) for each in (one, two)]


def write(path: Path, port: int, http: int, groups: list[tuple[int, list[str]]]) -> None:
    nodes = {
        f"server{smtp}-{number}": f"{address}, health: {{port: {smtp}}}"
        for smtp, group in groups
        for number, address in enumerate(group)
    }
    path.write_text(
        configuration(
            listen=[f"127.0.0.1:{port}"],
            nodes=nodes,
            directory=path.parent,
            http=f'"127.0.0.1:{http}"',
            health=HEALTH,
        )
    )


def open_descriptors(program: Background) -> int:
    return len(list(Path(f"/proc/{program.pid}/fd").iterdir()))


def metric(http: int, name: str) -> list[float]:
    page = fetch(f"http://127.0.0.1:{http}/metrics")
    return [float(line.split()[-1]) for line in page.splitlines() if line.startswith(name)]


def test_a_stall_blames_no_node(tmp_path: Path, port: int) -> None:
    http = free_port()
    path = tmp_path / "rrdns.yaml"
    with peers(tmp_path) as [(_, good), (paused, other)]:
        groups = [(good, addresses(26)), (other, addresses(27))]
        write(path, port, http, groups)
        command = [sys.executable, "-c", BLOCKED, json.dumps([STALL_SECONDS, *groups])]
        with serving(path) as server, background(command, tmp_path / "blocked.log") as blocked:
            blocked.wait_for_output("before up\n", 40)
            wait_until(lambda: server.output.count("state=up") == 2 * HALF, 20, "all are up")
            # What a stall is to hit: probes under way, and the more the better.
            both = (server, blocked)
            wait_until(lambda: min(map(open_descriptors, both)) > 250, 20, "probes under way")
            paused.send(signal.SIGSTOP)
            server.send(signal.SIGSTOP)
            blocked.send(signal.SIGUSR1)
            time.sleep(STALL_SECONDS)
            server.send(signal.SIGCONT)
            resumed = time.monotonic()
            assert len(Dig("127.0.0.1", port).addresses("mx1.example.com")) == 8
            assert time.monotonic() - resumed < 2
            time.sleep(0.2)
            paused.send(signal.SIGCONT)
            # Everyone is probed again soon.
            wait_until(lambda: max(metric(http, "rrdns_probe_age_seconds{")) < 4, 20, "recovery")
            print(f"server: recovery after {time.monotonic() - resumed:.1f} s")  # noqa: T201
            [void] = metric(http, "rrdns_probes_void_total ")
            print(f"server: void {void:.0f}")  # noqa: T201
            assert void > 10
            assert sum(metric(http, "rrdns_probe_failures_total{")) == 0
            assert metric(http, "rrdns_node_healthy{") == [1.0] * 2 * HALF
            assert fetch(f"http://127.0.0.1:{http}/healthz") == "ok\n"
            changes = [line for line in server.output.splitlines() if "target_state" in line]
            assert all(" state=up was=unknown " in line for line in changes)

            assert blocked.wait(60) == 0, blocked.output
            told = json.loads(blocked.output.splitlines()[-1])
            print(f"blocked loop: {told}")  # noqa: T201
            assert told.pop("void") > 10
            assert told.pop("recovery") < 20
            assert told == {"after": ["up"], "failures": 0}
