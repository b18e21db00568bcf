"""`python -m bench`: rrdns beside NSD, Knot DNS, gdnsd and BIND, in turn, in one run."""

import argparse
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.load import QUERIES, Load, write_queries
from bench.report import machine, table
from bench.running import Round, Running, load_cpu, running, server_cpu
from bench.servers import SERVERS


def main() -> int:
    """Measure and print; exit 1 where dnsperf is missing."""
    options = _options()
    dnsperf = shutil.which("dnsperf")
    if dnsperf is None:
        print("bench needs dnsperf: apt-get install dnsperf", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rrdns-bench-")))
        queries = write_queries(top)
        servers = _start(options.only, top, stack)
        print(machine(os.cpu_count() or 1))
        print(
            f"{len(QUERIES)} queries: A of mx1 to mx4.example.com, MX of customer.test; "
            f"{options.rounds} rounds of {options.seconds:g} s in turn; one worker each on core "
            f"{server_cpu()}, dnsperf on core {load_cpu()}; medians."
        )
        for title, rate in (
            ("As fast as answers come (closed loop)", None),
            (f"At a fixed {options.rate:,} queries/s", options.rate),
        ):
            load = Load(options.seconds, options.clients, options.outstanding, rate)
            rounds: dict[str, list[Round]] = {server.name: [] for server in servers}
            for _ in range(options.rounds):
                for server in servers:
                    rounds[server.name].append(server.measure(load, dnsperf, queries))
            print(f"\n{title}, {load.clients} sockets, {load.outstanding} outstanding:\n")
            print("\n".join(table(rounds, subject="rrdns", baseline="nsd")), flush=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--clients", type=int, default=10, help="sockets that dnsperf asks from")
    parser.add_argument("--outstanding", type=int, default=100, help="queries under way at most")
    parser.add_argument("--rate", type=int, default=20_000, help="queries/s of the second table")
    parser.add_argument("--only", nargs="*", choices=[server.name for server in SERVERS])
    return parser.parse_args()


def _start(only: list[str] | None, top: Path, stack: ExitStack) -> list[Running]:
    servers = []
    for server in SERVERS:
        if only and server.name not in only:
            continue
        program = server.find()
        if program is None:
            print(f"{server.name} is not installed: left out")
            continue
        directory = top / server.name
        directory.mkdir()
        servers.append(stack.enter_context(running(server, program, directory)))
    return servers


if __name__ == "__main__":
    sys.exit(main())
