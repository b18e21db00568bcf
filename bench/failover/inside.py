"""The part that runs in a network namespace of its own, and prints what it saw as JSON."""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from bench.ending import end_in_order
from bench.failover.contestants import CONTESTANTS, Contestant, Hosts
from bench.failover.events import Kind, addresses, prepare_namespace, victims
from bench.failover.watching import Asker, Plan, Seen, watch
from bench.running import end, free_port


@contextmanager
def _running(contestant: Contestant, program: str, directory: Path, hosts: Hosts) -> Iterator[int]:
    """Run a server, and return the port of 127.0.0.1 that it will answer on."""
    port = free_port()
    directory.mkdir()
    command = contestant.write(program, directory, port, hosts)
    with (directory / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=directory, start_new_session=True
        )
    try:
        yield port
    finally:
        if process.poll() is not None:
            print((directory / "output.txt").read_text()[-2000:], file=sys.stderr)
        end(process)


async def _watch_all(options: argparse.Namespace, stack: ExitStack) -> dict[str, dict[str, Seen]]:
    top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rrdns-failover-")))
    plan = Plan(
        options.patience, options.repeats, options.settle, time.monotonic() + options.seconds
    )
    watched: list[tuple[str, str, asyncio.Task[Seen]]] = []
    for number, contestant in enumerate(CONTESTANTS):
        program = contestant.find()
        if program is None or (options.only and contestant.name not in options.only):
            continue
        hosts = addresses(number)
        nodes = stack.enter_context(victims(options.smtp, hosts))
        port = stack.enter_context(_running(contestant, program, top / str(number), hosts))
        for kind in map(Kind, options.kinds):
            asker = stack.enter_context(closing(Asker(port, kind, nodes[kind].address)))
            work = watch(asker, nodes[kind], plan, seed=len(watched))
            watched.append((contestant.name, kind.value, asyncio.create_task(work)))
    found: dict[str, dict[str, Seen]] = {}
    for name, label, task in watched:
        found.setdefault(name, {})[label] = await task
    return found


def main() -> int:
    """Prepare the namespace, watch all servers at once, print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smtp", type=Path, required=True, help="the compiled programs/smtp.c")
    parser.add_argument("--patience", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--settle", type=float, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--kinds", nargs="*", default=[kind.value for kind in Kind])
    options = parser.parse_args()
    end_in_order()
    prepare_namespace()
    with ExitStack() as stack:
        found = asyncio.run(_watch_all(options, stack))
    json.dump(
        {name: {k: asdict(s) for k, s in own.items()} for name, own in found.items()}, sys.stdout
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
