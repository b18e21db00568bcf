"""Three SMTP servers under default settings: one is killed, one falls silent, both return."""

import json
from pathlib import Path

from support.asking import Dig
from support.netns import namespace
from support.programs import require_program
from support.serving import configuration, nodes_at, serving, start_node
from support.waiting import wait_until

ADDRESSES = {"server1": "10.25.0.1", "server2": "10.25.0.2", "server3": "10.25.0.3"}
ALL = set(ADDRESSES.values())
IPV6 = {"server1": "fd25::1", "server2": "fd25::2"}


def test_dead_and_silent_nodes_leave_the_answers_and_come_back(tmp_path: Path) -> None:
    require_program("nft")
    addresses = {
        name: [address, IPV6[name]] if name in IPV6 else [address]
        for name, address in ADDRESSES.items()
    }
    path = tmp_path / "rrdns.yaml"
    path.write_text(
        configuration(
            listen=["127.0.0.1:53"],
            nodes={name: json.dumps(own) for name, own in addresses.items()},
            directory=tmp_path,
            health="",
        )
    )
    places = {name: [f"{address}:25" for address in own] for name, own in addresses.items()}
    with (
        namespace(*ALL, *IPV6.values()) as inside,
        nodes_at(places, tmp_path, inside.command()) as nodes,
    ):
        dig = Dig("127.0.0.1", prefix=inside.command())

        def becomes(ipv4: set[str], ipv6: set[str], deadline_seconds: float, what: str) -> None:
            def seen() -> bool:
                found = dig.addresses("mx1.example.com")
                # The node that never had trouble is in every answer.
                assert ADDRESSES["server3"] in found
                return found == ipv4 and dig.addresses("mx1.example.com", "AAAA") == ipv6

            wait_until(seen, deadline_seconds, what, pause_seconds=0.02)

        with serving(path, prefix=inside.command()):
            # The first round comes before the first answer: nothing to wait for.
            assert dig.addresses("mx1.example.com") == ALL
            assert dig.addresses("mx1.example.com", "AAAA") == set(IPV6.values())
            nodes["server1"].kill()
            becomes(ALL - {ADDRESSES["server1"]}, {IPV6["server2"]}, 4, "a killed node leaves")
            # Only its IPv4 address: each address is a target of its own.
            inside.drop(ADDRESSES["server2"])
            becomes({ADDRESSES["server3"]}, {IPV6["server2"]}, 8, "a silent node leaves")
            nodes["server1"] = start_node(
                places["server1"], tmp_path / "server1.log", inside.command()
            )
            inside.undrop()
            becomes(ALL, set(IPV6.values()), 6, "both nodes come back")


def test_with_all_nodes_down_every_address_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "rrdns.yaml"
    path.write_text(
        configuration(listen=["127.0.0.1:53"], nodes=ADDRESSES, directory=tmp_path, health="")
    )
    places = {"server1": ["10.25.0.1:25"]}
    with namespace(*ALL) as inside, nodes_at(places, tmp_path, inside.command()) as nodes:
        dig = Dig("127.0.0.1", prefix=inside.command())
        with serving(path, prefix=inside.command()):
            assert dig.addresses("mx1.example.com") == {"10.25.0.1"}
            nodes["server1"].kill()
            wait_until(
                lambda: dig.addresses("mx1.example.com") == ALL, 4, "fail open with all addresses"
            )
