"""Trouble of this machine's own takes no node out: each kind of it, with a real server and kernel.

One server watches a node for each kind. All are well at first; then this machine breaks in as many
ways, the verdicts age to unknown, which is answered still, and once it is mended all is well again.
"""

import socket
from pathlib import Path

from support.asking import Dig
from support.control import Control
from support.farm import farm
from support.netns import Namespace, namespace
from support.programs import require_program
from support.serving import configuration, serving
from support.waiting import wait_until

HELD_BACK = "10.25.0.1"  # our own firewall drops what goes there
PROHIBITED = "10.25.0.2"  # a rule of our own routing forbids it
NO_SOURCE = "10.25.0.3"  # the source address is gone
NO_ROUTE = "fd25::4"
SILENT = "10.25.0.8"  # no trouble of ours
GOOD = "10.25.0.9"
SOURCE = "10.25.1.1"
PORTS = "/proc/sys/net/ipv4/ip_local_port_range"

WHY = {
    HELD_BACK: "this machine's own firewall or queue drops the packets",
    PROHIBITED: "Permission denied",
    NO_SOURCE: "Cannot assign requested address",
    NO_ROUTE: "Network is unreachable",
}
ALL = {*WHY, SILENT, GOOD}
# A verdict holds for 4.5 s.
HEALTH = "interval: 500ms, connect_timeout: 1500ms, banner_timeout: 1s, command_timeout: 250ms"
BREAK = f"""\
add table inet outgoing
add chain inet outgoing output {{ type filter hook output priority 0; policy accept; }}
add rule inet outgoing output ip daddr {HELD_BACK} drop
"""


def break_down(inside: Namespace) -> None:
    inside.run("nft", "-f", "-", stdin=BREAK)
    inside.run("ip", "rule", "add", "pref", "10", "to", PROHIBITED, "dport", "25",
               "ipproto", "tcp", "prohibit")  # fmt: skip
    inside.run("ip", "address", "del", f"{SOURCE}/32", "dev", "lo")
    inside.run("ip", "address", "del", f"{NO_ROUTE}/128", "dev", "lo")
    inside.drop(SILENT)


def mend(inside: Namespace) -> None:
    inside.run("nft", "delete", "table", "inet", "outgoing")
    inside.run("ip", "rule", "del", "pref", "10")
    inside.add_addresses([SOURCE, NO_ROUTE])
    inside.undrop()


def test_trouble_of_our_own_takes_no_node_out(tmp_path: Path) -> None:
    require_program("nft")
    path = tmp_path / "rrdns.yaml"
    nodes = {f"server{number}": f'"{address}"' for number, address in enumerate(sorted(ALL))}
    for name, address in nodes.items():
        if NO_SOURCE in address:
            nodes[name] = f"{address}, health: {{source: {{ipv4: {SOURCE}}}}}"
    path.write_text(
        configuration(listen=["127.0.0.1:53"], nodes=nodes, directory=tmp_path, health=HEALTH)
    )
    with (
        namespace(*ALL, SOURCE) as inside,
        farm([",".join(f"{address}:25" for address in sorted(ALL))], inside.command()),
        serving(path, prefix=inside.command()) as server,
    ):
        # The table of local addresses comes after rules of ours.
        inside.run("ip", "rule", "add", "pref", "100", "lookup", "local")
        inside.run("ip", "rule", "del", "pref", "0")
        dig = Dig("127.0.0.1", prefix=inside.command())
        control = Control(tmp_path / "control.sock")

        def answered() -> set[str]:
            name = "mx1.example.com"
            return dig.addresses(name) | dig.addresses(name, "AAAA")

        def status() -> dict[str, tuple[str, str, str | None]]:
            return {
                node["address"]: (node["state"], node["last"]["result"], node["last"]["text"])
                for node in control.status()["nodes"]
            }

        def all_are_up() -> bool:
            return {state for state, *_ in status().values()} == {"up"}

        wait_until(all_are_up, 20, "all are up")
        break_down(inside)
        wait_until(lambda: answered() == ALL - {SILENT}, 20, "the silent node leaves alone")
        want: dict[str, tuple[str, str, str | None]]
        want = {address: ("unknown", "local", why) for address, why in WHY.items()}
        want |= {SILENT: ("down", "timeout", None), GOOD: ("up", "ok", "node.test")}
        wait_until(lambda: status() == want, 20, f"verdicts age: {status()}")
        assert answered() == ALL - {SILENT}
        mend(inside)
        wait_until(all_are_up, 20, "all are well again")

        # No source port is left: of nobody anything can be told.
        before = inside.run("cat", PORTS)
        with inside.open_socket(socket.AF_INET6, socket.SOCK_STREAM) as holder:
            holder.bind(("::", 40000))
            inside.run("sh", "-c", f"echo 40000 40000 > {PORTS}")
            want = dict.fromkeys(ALL, ("unknown", "local", "Cannot assign requested address"))
            wait_until(lambda: status() == want, 20, f"verdicts age: {status()}")
            assert answered() == ALL
        inside.run("sh", "-c", f"echo {before} > {PORTS}")
        wait_until(all_are_up, 20, "all are well again")
        down = [line for line in server.output.splitlines() if "state=down" in line]
        assert len(down) == 1
        assert f"address={SILENT} " in down[0]
        for why in WHY.values():
            assert f'result=local phase=connect text="{why}"' in server.output
