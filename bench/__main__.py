"""`python -m bench`: rrdns beside other authoritative servers, in turn, in one run."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.building import PROGRAMS, build, compiler
from bench.cores import leave_the_servers_core, load_cpu, server_cpu
from bench.ending import end_in_order
from bench.load import QUERIES
from bench.machine import machine
from bench.options import Options
from bench.report import Section
from bench.results import Report, write_results
from bench.scenarios import EXTRA, SCENARIOS
from bench.servers import SERVERS
from bench.servers.rrdns import native_is_built

HERE = Path(__file__).parent


def main() -> int:
    """Measure and print; exit 1 where dnsperf or a C compiler is missing, or a part failed."""
    given = vars(_parser().parse_args())
    end_in_order()
    chosen = given.pop("scenario")
    results = given.pop("results")
    dnsperf, cc = shutil.which("dnsperf"), compiler()
    if dnsperf is None or cc is None:
        missing = "dnsperf" if dnsperf is None else "a C compiler (gcc, libc6-dev)"
        print(f"bench needs {missing}: apt-get install dnsperf gcc libc6-dev", file=sys.stderr)
        return 1
    if not chosen and not given["quick"] and results is None:
        results = HERE
    with tempfile.TemporaryDirectory(prefix="rrdns-bench-") as directory:
        programs = {name: build(name, Path(directory), cc) for name in PROGRAMS}
        given["only"] = frozenset(given["only"] or ())
        options = Options(
            dnsperf=dnsperf,
            client=programs["client"],
            echo=programs["echo"],
            smtp=programs["smtp"],
            **given,
        )
        report, failures = _run(
            options, chosen or [name for name in SCENARIOS if name not in EXTRA]
        )
    if results is not None:
        for path in write_results(report, results):
            print(f"written: {path}")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _run(options: Options, chosen: list[str]) -> tuple[Report, list[str]]:
    """Run the scenarios, and return what they saw and which failed: one does not end the others."""
    left_out = [server.name for server in options.chosen(SERVERS) if server.find() is None]
    for name in left_out:
        print(f"{name} is not installed: left out")
    report = Report.begun(options, SERVERS, os.getloadavg()[0], left_out)
    print(f"{machine()}; load average {report.load_average:.1f} at the start.")
    print(
        f"{len(QUERIES)} queries, where nothing else is said: A of mx1 to mx4.example.com, MX of "
        f"customer.test; {options.rounds} rounds of {options.seconds:g} s in turn; one worker each "
        f"on core {server_cpu()}, the load on core {load_cpu()}; medians."
    )
    leave_the_servers_core()
    failures = []
    for name in chosen:
        try:
            sections = SCENARIOS[name](options)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            failures.append(f"{name} failed: {error!r}")
            sections = [Section(name, name, ["This part failed."])]
        for section in sections:
            print(f"\n{section.title}:\n\n" + "\n".join(section.lines), flush=True)
            report.sections.append(section)
    return report, failures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.6, help="of each round")
    parser.add_argument("--clients", type=int, default=10, help="sockets that ask")
    parser.add_argument(
        "--outstanding", type=int, default=100, help="dnsperf's queries under way at most"
    )
    parser.add_argument(
        "--rate", type=int, default=20_000, help="queries/s of `fixed`; half of it in `tcpsingle`"
    )
    parser.add_argument("--flood", type=int, default=50_000, help="queries/s of the miss flood")
    parser.add_argument(
        "--executor",
        choices=("native", "python"),
        default="native" if native_is_built() else "python",
        help="of the parts that measure rrdns alone",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--only", nargs="*", choices=[server.name for server in SERVERS])
    parser.add_argument(
        "--scenario",
        nargs="*",
        choices=list(SCENARIOS),
        help="which to run; default: all but tcpsingle",
    )
    parser.add_argument(
        "--results",
        type=Path,
        help="a directory for results.md and results.svg; default: bench/ "
        "where no scenario is named and not --quick",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
