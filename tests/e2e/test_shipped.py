"""The shipped configuration, as it stands, with its addresses put in a namespace."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.asking import Dig
from support.netns import Namespace, namespace
from support.serving import nodes_at, serving, start_node
from support.waiting import wait_until

from rrdns.loading import load
from rrdns.names import to_text
from rrdns.targets import Family

SHIPPED = Path(__file__).parents[2] / "config/rrdns.yaml"
HOSTS = ("mx1", "mx2", "mx3", "mx4")


def _places() -> dict[str, list[str]]:
    """Return where each node of the shipped configuration listens for SMTP."""
    return {
        node.name: [
            f"{target.address}:{target.settings.port}"
            for targets in node.roles.values()
            for target in targets
        ]
        for node in load(SHIPPED).config.nodes
    }


def _addresses(places: list[str]) -> list[str]:
    return [place.rsplit(":", 1)[0] for place in places]


@contextmanager
def _filter_cluster() -> Iterator[Namespace]:
    with namespace(*(address for own in _places().values() for address in _addresses(own))) as made:
        yield made


def _in_a_fresh_system(inside: Namespace) -> list[str]:
    """Return a prefix under which /run/rrdns and /var/lib/rrdns exist and are the test's own."""
    mounts = (
        "mount -t tmpfs none /run && mkdir /run/rrdns"
        " && mount -t tmpfs none /var/lib && mkdir /var/lib/rrdns"
    )
    # `ip netns exec` has a mount namespace of its own, so nothing of this is seen outside.
    return inside.command("sh", "-c", f'{mounts} && exec "$@"', "sh")


def _answers(inside: Namespace) -> dict[str, set[str]]:
    dig = Dig("127.0.0.1", prefix=inside.command())
    return {host: dig.addresses(f"{host}.example.com") for host in HOSTS}


def test_the_shipped_cluster_answers_and_follows_its_nodes(tmp_path: Path) -> None:
    places = _places()
    assert len(places) == 3
    primaries = {_addresses(own)[0] for own in places.values()}
    secondaries = {_addresses(own)[1] for own in places.values()}
    with (
        _filter_cluster() as inside,
        nodes_at(places, tmp_path, inside.command()) as nodes,
        serving(_linked(tmp_path), prefix=_in_a_fresh_system(inside)),
    ):
        others = dict.fromkeys(("mx2", "mx3", "mx4"), secondaries)
        everyone = {"mx1": primaries, **others}
        assert _answers(inside) == everyone
        dig = Dig("127.0.0.1", prefix=inside.command())
        for domain in map(to_text, load(SHIPPED).config.domains):
            assert sorted(dig(domain, "MX").values) == [
                f"{preference} {host}.example.com."
                for preference, host in zip((10, 20, 30, 40), HOSTS, strict=True)
            ]

        first = next(iter(places))
        gone = set(_addresses(places[first]))
        nodes[first].kill()
        wait_until(
            lambda: _answers(inside) == {host: found - gone for host, found in everyone.items()},
            4,
            "a killed node leaves all hosts",
        )
        nodes[first] = start_node(places[first], tmp_path / "again.log", inside.command())
        wait_until(lambda: _answers(inside) == everyone, 6, "the node comes back")


def test_adding_the_third_server_is_one_line(tmp_path: Path) -> None:
    text = SHIPPED.read_text()
    places = _places()
    third = list(places)[2]
    line = re.search(rf"^ +{third}:.*\n", text, re.MULTILINE)
    assert line is not None
    path = _linked(tmp_path)
    path.unlink()
    path.write_text(text.replace(line[0], "", 1))
    with (
        _filter_cluster() as inside,
        nodes_at(places, tmp_path, inside.command()),
        serving(path, prefix=_in_a_fresh_system(inside)) as server,
    ):
        new = set(_addresses(places[third]))
        before = _answers(inside)
        assert all(len(found) == 2 and not found & new for found in before.values())
        path.write_text(text)
        server.send(signal.SIGHUP)
        wait_until(
            lambda: all(len(found) == 3 and found & new for found in _answers(inside).values()),
            6,
            "the third server is in every answer",
        )


@pytest.mark.parametrize("name", sorted(path.name for path in SHIPPED.parent.glob("*.yaml")))
def test_every_shipped_configuration_answers_for_all_its_hosts(name: str, tmp_path: Path) -> None:
    path = _linked(tmp_path).with_name(name)
    config = load(path).config
    targets = {f"{target.address}:{target.settings.port}": target for target in config.targets}
    with (
        namespace(*{target.address for target in targets.values()}) as inside,
        nodes_at({"all": list(targets)}, tmp_path, inside.command()),
        serving(path, prefix=_in_a_fresh_system(inside)) as server,
    ):
        dig = Dig("127.0.0.1", prefix=inside.command())
        hosts = list(config.hosts())
        assert hosts
        for host in hosts:
            members = {member.target.address for member in host.considered(Family.IPV4)}
            assert dig.addresses(to_text(host.name)) == members
        for domain in map(to_text, config.domains):
            assert dig(domain, "MX").values
        assert "error" not in server.output.lower()


def _linked(tmp_path: Path) -> Path:
    """Link the shipped configuration and the files beside it to where a log may be written."""
    for file in SHIPPED.parent.iterdir():
        (tmp_path / file.name).symlink_to(file)
    return tmp_path / SHIPPED.name
