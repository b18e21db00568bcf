"""dig asks a running server: transports, families, sections, rotation, the address asked."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Dig
from support.netns import namespace
from support.ports import free_port
from support.serving import configuration, serving

NODES = {
    "server1": '[192.0.2.11, "2001:db8::11"]',
    "server2": "192.0.2.21",
    "server3": "192.0.2.31",
}
ADDRESSES = {"192.0.2.11", "192.0.2.21", "192.0.2.31"}


@pytest.fixture(scope="module")
def digs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Dig]]:
    """A server on 127.0.0.1 and ::1, asked by family."""
    directory = tmp_path_factory.mktemp("dig")
    port, port6 = free_port(), free_port("::1")
    path = directory / "rrdns.yaml"
    path.write_text(
        configuration(
            listen=[f"127.0.0.1:{port}", f"[::1]:{port6}"], nodes=NODES, directory=directory
        )
    )
    with serving(path):
        yield {"ipv4": Dig("127.0.0.1", port), "ipv6": Dig("::1", port6)}


@pytest.fixture
def dig(digs: dict[str, Dig]) -> Dig:
    return digs["ipv4"]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_every_transport_and_family_gives_the_hosts_addresses(
    digs: dict[str, Dig], family: str, transport: str
) -> None:
    reply = digs[family]("mx1.example.com", "A", transport)
    assert reply.status == "NOERROR"
    assert reply.flags == frozenset({"qr", "aa", "rd"})
    assert set(reply.values) == ADDRESSES
    assert {record[:3] for record in reply.answers} == {("mx1.example.com.", 60, "A")}
    assert reply.authority == ()
    assert digs[family]("mx1.example.com", "AAAA", transport).values == ["2001:db8::11"]


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_each_address_leads_equally_often(dig: Dig, transport: str) -> None:
    leads = Counter(dig("mx2.example.com", "A", transport).values[0] for _ in range(30))
    # Each loop steps through the orders by itself: one more or less for each of them.
    loops = os.cpu_count() or 1
    assert all(10 - loops <= leads[address] <= 10 + loops for address in ADDRESSES), leads


def test_the_filtered_domain_has_its_profiles_mx(dig: Dig) -> None:
    reply = dig("customer.test", "MX")
    assert reply.status == "NOERROR"
    assert "aa" in reply.flags
    assert sorted(reply.values) == ["10 mx1.example.com.", "20 mx2.example.com."]


def test_what_is_not_there_is_said_with_the_soa(dig: Dig) -> None:
    missing = dig("nothere.example.com", "A")
    assert (missing.status, [record[2] for record in missing.authority]) == ("NXDOMAIN", ["SOA"])
    nodata = dig("mx2.example.com", "TXT")
    assert (nodata.status, nodata.values) == ("NOERROR", [])
    assert [record[2] for record in nodata.authority] == ["SOA"]


def test_a_foreign_zone_is_refused(dig: Dig) -> None:
    reply = dig("www.other.test", "A")
    assert (reply.status, reply.answers, reply.authority) == ("REFUSED", (), ())


def test_static_records_and_the_case_of_the_question(dig: Dig) -> None:
    reply = dig("wWw.ExAmPlE.cOm", "A")
    assert reply.answers == (("wWw.ExAmPlE.cOm.", 300, "A", "192.0.2.80"),)
    assert set(dig("example.com", "NS").values) == {"ns1.example.com.", "ns2.example.com."}
    assert dig("example.com", "SOA").values[0].startswith("ns1.example.com. hostmaster.")


def test_wildcard_sockets_answer_from_the_address_that_was_asked(tmp_path: Path) -> None:
    addresses = ["10.99.0.1", "10.99.0.2", "10.99.0.3", "fd99::1", "fd99::2", "fd99::3"]
    with namespace(*addresses) as inside:
        path = tmp_path / "rrdns.yaml"
        path.write_text(
            configuration(listen=["0.0.0.0:53", "[::]:53"], nodes=NODES, directory=tmp_path)
        )
        with serving(path, prefix=inside.command()):
            for address in addresses:
                # Asked from another of its addresses, the kernel would answer from that one; dig
                # takes no reply from an address that it did not ask.
                other = "fd99::1" if ":" in address else "10.99.0.1"
                for transport in ("+notcp", "+tcp"):
                    reply = Dig(address, prefix=inside.command())(
                        "-b", other, "mx1.example.com", "A", transport
                    )
                    assert set(reply.values) == ADDRESSES, reply.text
