"""Wildcard sockets and two wires: a reply leaves from where it was asked for, whatever its way."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.executors import require_native
from support.netns import Namespace, namespace
from support.programs import missing
from support.serving import configuration, serving
from support.tables import ask, rcode

from rrdns.rrtypes import ANY, NOERROR

DEADLINE_SECONDS = 20.0
# The server's service addresses: asked over the first wire, by a client on the second.
ASKED = {"10.9.0.1": "10.2.0.2", "fd00:9::1": "fd00:2::2"}
LINK_LOCAL = "fe80::1"
QUERIES = {"hit": ask("mx1.example.com.", "A"), "miss": ask("mx1.example.com.", ANY)}


@contextmanager
def two_wires() -> Iterator[tuple[Namespace, Namespace]]:
    """Join a server and a client by two wires; what comes over the first goes back by the second.

    The client routes the service addresses over the first wire, the server its answers by the
    second one, where the addresses that ask are.
    """
    with namespace(*ASKED) as server, namespace() as client:
        for wire in ("1", "2"):
            peer = ["peer", "name", f"wire{wire}", "netns", client.name]
            try:
                server.run("ip", "link", "add", f"wire{wire}", "type", "veth", *peer)
            except AssertionError as error:
                missing(f"this kernel has no veth: {error}")
        for machine, number in ((server, "1"), (client, "2")):
            # Without the latter two the client would be found over the other wire too.
            for setting in ("rp_filter=0", "arp_ignore=1", "arp_announce=2"):
                for key in ("all", "default", "wire1", "wire2"):
                    machine.run("sysctl", "-q", "-w", f"net.ipv4.conf.{key}.{setting}")
            for wire in ("1", "2"):
                machine.run("ip", "link", "set", f"wire{wire}", "up")
                for address in (
                    f"10.{wire}.0.{number}/24",
                    f"fd00:{wire}::{number}/64",
                    f"fe80::{number}/64",
                ):
                    extra = ["nodad"] if ":" in address else []
                    machine.run("ip", "address", "add", address, "dev", f"wire{wire}", *extra)
        client.run("ip", "route", "add", "10.9.0.1/32", "via", "10.1.0.1")
        client.run("ip", "-6", "route", "add", "fd00:9::1/128", "via", "fd00:1::1")
        yield server, client


def reply_to(asker: socket.socket, address: str, packet: bytes, scope: int = 0) -> bytes:
    """Ask from a connected socket, which takes a reply from no other address."""
    asker.settimeout(DEADLINE_SECONDS)
    place = (address, 53, 0, scope) if ":" in address else (address, 53)
    asker.connect(place)
    asker.send(packet)
    return asker.recv(4096)


@pytest.mark.parametrize("executor", ["python", "native"])
def test_replies_leave_from_the_address_that_was_asked(tmp_path: Path, executor: str) -> None:
    if executor == "native":
        require_native()
    path = tmp_path / "rrdns.yaml"
    path.write_text(
        configuration(
            listen=["0.0.0.0:53", "[::]:53"],
            nodes={"server1": "192.0.2.11", "server2": "192.0.2.21"},
            directory=tmp_path,
            server=f"  executor: {executor}\n  udp_workers: 1\n",
        )
    )
    with two_wires() as (server, client), serving(path, prefix=server.command()):
        for address, source in ASKED.items():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            for packet in QUERIES.values():
                with client.open_socket(family) as asker:
                    asker.bind((source, 0))
                    assert rcode(reply_to(asker, address, packet)) == NOERROR
        # A link-local address says nothing without its interface.
        for wire in ("wire1", "wire2"):
            scope = int(client.run("cat", f"/sys/class/net/{wire}/ifindex"))
            for packet in QUERIES.values():
                with client.open_socket(socket.AF_INET6) as asker:
                    assert rcode(reply_to(asker, LINK_LOCAL, packet, scope)) == NOERROR
