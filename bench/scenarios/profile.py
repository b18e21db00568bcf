"""What is left between rrdns and the limit: kernel and own code of each server, by a profile."""

from collections.abc import Mapping
from functools import partial

from bench import client
from bench.client import Stream, write_messages
from bench.cores import load_cpu, pinned
from bench.load import QUERIES
from bench.options import Options
from bench.profiling import KERNEL, Sampled, profiler, sample
from bench.report import Section
from bench.running import Round, started, workplace
from bench.servers import RRDNS
from bench.servers.echo import ECHO, echo
from bench.servers.gdnsd import GDNSD
from bench.servers.nsd import NSD
from bench.servers.rrdns import NATIVE

_OBJECTS = 4
_SYMBOLS = 12
_LEAST = 0.005
_TITLE = "What a profile shows"


def profiles(options: Options) -> list[Section]:
    """Sample some servers under the load that keeps their core busy."""
    perf = profiler()
    if perf is None:
        return [Section("profile", _TITLE, ["perf is not here, or may not sample: no profile."])]
    others = [] if options.quick else [NSD, GDNSD]
    servers = [echo(options.echo), *options.chosen([*RRDNS, *others])]
    seconds = options.size(2, 1) * options.seconds
    rounds: dict[str, Round] = {}
    sampled: dict[str, Sampled] = {}
    with workplace() as directory, started(servers) as up:
        messages = write_messages(directory, QUERIES)
        stream = Stream(seconds, options.clients)
        load = partial(client.drive, stream, options.client, messages)
        for one in up:
            rounds[one.name] = one.measure(load)
            command = [*pinned(load_cpu()), *stream.command(options.client, messages, one.port)]
            sampled[one.name] = sample(perf, one.pid, command, directory)
    costs = {name: one.cpu_us_per_query for name, one in rounds.items()}
    return [Section("profile", _TITLE, [*_table(costs, sampled), *_rest(costs, sampled)])]


def split_us(cost_us: float, sampled: Sampled) -> tuple[float, float]:
    """Return the microseconds of a query that the kernel takes, and all others."""
    kernel = cost_us * sampled.objects.get(KERNEL, 0.0)
    return kernel, cost_us - kernel


def _table(costs: Mapping[str, float], sampled: Mapping[str, Sampled]) -> list[str]:
    lines = [
        "Shares of samples (perf, cpu-clock) of one round, times the CPU us/query of another.",
        "",
        "| server | CPU us/query | kernel | all else | of which |",
        "|---|--:|--:|--:|---|",
    ]
    for name, cost in costs.items():
        kernel, rest = split_us(cost, sampled[name])
        parts = [
            f"{file} {cost * share:.2f}"
            for file, share in sampled[name].objects.items()
            if file != KERNEL and share >= _LEAST
        ]
        lines.append(
            f"| {name} | {cost:.2f} | {kernel:.2f} | {rest:.2f} | {', '.join(parts[:_OBJECTS])} |"
        )
    return lines


def _rest(costs: Mapping[str, float], sampled: Mapping[str, Sampled]) -> list[str]:
    """Say how rrdns's distance from the echo divides, and what its own code is busy with."""
    if NATIVE not in costs or ECHO not in costs:
        return []
    kernel, own = split_us(costs[NATIVE], sampled[NATIVE])
    limit_kernel, limit_own = split_us(costs[ECHO], sampled[ECHO])
    above = costs[NATIVE] - costs[ECHO]
    lines = [
        "",
        f"Of rrdns's {costs[NATIVE]:.2f} us a query the socket path of the kernel takes"
        f" {kernel:.2f}. The echo takes {costs[ECHO]:.2f}, {limit_kernel:.2f} of them there. So",
        f"{above:.2f} us are left between rrdns and the limit: {own - limit_own:+.2f} are code"
        f" outside the kernel, {kernel - limit_kernel:+.2f} are system calls.",
        "",
        "| rrdns, outside the kernel | us/query |",
        "|---|--:|",
    ]
    symbols = [
        (symbol, share)
        for symbol, share in sampled[NATIVE].symbols.items()
        if not symbol.endswith(f"({KERNEL})") and share >= _LEAST
    ]
    lines += [
        f"| `{symbol}` | {costs[NATIVE] * share:.2f} |" for symbol, share in symbols[:_SYMBOLS]
    ]
    return lines
