"""`python -m bench.failover`: nodes fail and return, and rrdns, gdnsd and PowerDNS are watched."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.building import build, compiler
from bench.ending import end_in_order
from bench.failover.contestants import CONTESTANTS
from bench.failover.events import Kind
from bench.failover.run import Trial, compare, lacking
from bench.machine import machine


def main() -> int:
    """Print the table; exit 1 where something is missing that it takes."""
    parser = argparse.ArgumentParser(prog="python -m bench.failover", description=__doc__)
    default = Trial()
    parser.add_argument(
        "--patience", type=float, default=default.patience, help="seconds for each change"
    )
    parser.add_argument(
        "--seconds", type=float, default=default.seconds, help="no failure begins later"
    )
    parser.add_argument(
        "--repeats", type=int, default=default.repeats, help="failures of each kind at most"
    )
    parser.add_argument(
        "--settle", type=float, default=default.settle, help="seconds before the first failure"
    )
    parser.add_argument(
        "--only", nargs="*", default=default.only, choices=[one.name for one in CONTESTANTS]
    )
    parser.add_argument(
        "--kinds", nargs="*", type=Kind, default=default.kinds, help="death refusal silence stop"
    )
    trial = Trial(**vars(parser.parse_args()))
    end_in_order()
    cc = compiler()
    missing = "a C compiler (apt-get install gcc libc6-dev)" if cc is None else lacking()
    if cc is None or missing is not None:
        print(f"this takes {missing}", file=sys.stderr)
        return 1
    for contestant in CONTESTANTS:
        if contestant.find() is None:
            print(f"{contestant.name}: not installed, left out")
    with tempfile.TemporaryDirectory(prefix="rrdns-bench-") as directory:
        section = compare(build("smtp", Path(directory), cc), trial)
    print(f"{machine()}\n\n{section.title}\n")
    print("\n".join(section.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
