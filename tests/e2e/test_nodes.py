"""A server whose nodes are all dead answers with all of them."""

from pathlib import Path

from support.asking import Dig
from support.netns import namespace
from support.serving import configuration, nodes_at, serving
from support.waiting import wait_until

ADDRESSES = {"server1": "10.25.0.1", "server2": "10.25.0.2", "server3": "10.25.0.3"}
ALL = set(ADDRESSES.values())


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
