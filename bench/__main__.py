"""`python -m bench`: rrdns beside NSD, Knot DNS, gdnsd and BIND, in turn, in one run."""

import argparse
import os
import shutil
import sys

from bench.cores import load_cpu, server_cpu
from bench.load import QUERIES
from bench.report import machine
from bench.scenarios import SCENARIOS, Options
from bench.servers import SERVERS


def main() -> int:
    """Measure and print; exit 1 where dnsperf is missing."""
    parser = _parser()
    given = vars(parser.parse_args())
    chosen = given.pop("scenario") or list(SCENARIOS)
    dnsperf = shutil.which("dnsperf")
    if dnsperf is None:
        print("bench needs dnsperf: apt-get install dnsperf", file=sys.stderr)
        return 1
    options = Options(dnsperf=dnsperf, **given | {"only": frozenset(given["only"] or ())})
    for server in SERVERS:
        if server.find() is None and (not options.only or server.name in options.only):
            print(f"{server.name} is not installed: left out")
    load = os.getloadavg()[0]
    print(machine(os.cpu_count() or 1) + f"; load average {load:.1f} at the start.")
    print(
        f"{len(QUERIES)} queries, where nothing else is said: A of mx1 to mx4.example.com, MX of "
        f"customer.test; {options.rounds} rounds of {options.seconds:g} s in turn; one worker each "
        f"on core {server_cpu()}, the load on core {load_cpu()}; medians."
    )
    for name in chosen:
        print("\n" + "\n".join(SCENARIOS[name](options)), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--clients", type=int, default=10, help="sockets that dnsperf asks from")
    parser.add_argument("--outstanding", type=int, default=100, help="queries under way at most")
    parser.add_argument(
        "--rate", type=int, default=20_000, help="queries/s of `fixed`; half of it in `tcp`"
    )
    parser.add_argument("--flood", type=int, default=50_000, help="queries/s of the miss flood")
    parser.add_argument("--only", nargs="*", choices=[server.name for server in SERVERS])
    parser.add_argument(
        "--scenario", nargs="*", choices=list(SCENARIOS), help="which to run; default: all"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
