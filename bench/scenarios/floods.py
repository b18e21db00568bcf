"""What a flood of misses leaves of the good answers, and what rate limiting costs."""

from functools import partial

from bench import client
from bench.client import Stream, write_messages
from bench.load import QUERIES, Load, drive, write_queries
from bench.misses import Flooded, flood_table, kept, measure
from bench.options import Options
from bench.report import Section, compared
from bench.rounds import in_turn, measured
from bench.running import started, workplace
from bench.servers import OTHERS, RRDNS
from bench.servers.rrdns import variant

GOOD_RATE = 5_000
_ROUNDS = 3  # at most: each takes long
# Nobody reaches it, so that all is counted and nothing is held back.
_UNREACHED = 1_000_000


def misses(options: Options) -> list[Section]:
    """Good queries at a fixed rate, with a flood of misses beside them and without."""
    load = Load(options.seconds, options.clients, options.outstanding, rate=GOOD_RATE)
    with workplace() as directory, started(options.chosen([*RRDNS, *OTHERS])) as servers:
        queries = write_queries(directory, [("mx1.example.com", "A")])
        good = partial(drive, load, options.dnsperf, queries)
        rounds: dict[str, dict[str, list[Flooded]]] = {
            server.name: {"no": [], "yes": []} for server in servers
        }
        for server in in_turn(servers, min(options.rounds, _ROUNDS)):
            for kind, rate in (("no", 0), ("yes", options.flood)):
                one = measure(server, good, options.seconds, rate)
                rounds[server.name][kind].append(one)
    title = (
        f"Miss flood of {options.flood:,} queries/s beside {GOOD_RATE:,} good ones/s "
        "(A of mx1.example.com)"
    )
    figures = {f"kept/{name}": kept(by_kind) for name, by_kind in rounds.items()}
    return [Section("misses", title, flood_table(rounds), figures)]


def rate_limiting(options: Options) -> list[Section]:
    """The cost of rate limiting: off, for exempt clients, and for all below the limit."""
    kinds = {
        "off": "responses_per_second: 0",
        "on, client exempt": "responses_per_second: 200",
        "on, nothing over": f"responses_per_second: {_UNREACHED}, exempt: []",
    }
    servers = [variant(name, options.executor, limits=limits) for name, limits in kinds.items()]
    with workplace() as directory, started(servers) as up:
        stream = Stream(options.seconds, options.clients)
        messages = write_messages(directory, QUERIES)
        load = partial(client.drive, stream, options.client, messages)
        rounds = measured(up, load, options.rounds)
    title = f"rrdns's rate limiting, {options.executor} executor, 500 queries under way"
    return [compared("limits", title, rounds, ["off"])]
