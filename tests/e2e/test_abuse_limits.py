"""Rate limiting of a real server: what a victim of forged queries gets, and who is not limited."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Dig
from support.ports import free_port
from support.processes import background
from support.programs import require_program
from support.tables import ask, opt
from support.victim import ADDRESSES, Flood, Victim, burst, udp, victim
from support.waiting import wait_until

PER_SECOND, BURST = 200, 1000
MX1 = ask("mx1.example.com.", "A")
TC = 0x02


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Victim]:
    """A server with the default limits, but for the exemption of loopback."""
    with victim(tmp_path, "exempt: []") as running:
        yield running


def whole(replies: list[bytes]) -> int:
    """Return how many replies have the answer."""
    return sum(not reply[2] & TC and reply[6:8] == b"\0\2" for reply in replies)


def test_a_prefix_gets_so_much_a_second_and_of_the_rest_every_second_truncated(
    server: Victim,
) -> None:
    with udp(server.port) as asker:
        replies = burst(asker, MX1, BURST)
    answered, slipped = whole(replies), sum(bool(reply[2] & TC) for reply in replies)
    # A burst takes less than two seconds, each of which gives credit once.
    assert PER_SECOND <= answered <= 3 * PER_SECOND
    assert answered + slipped == len(replies)
    assert abs(slipped - (BURST - answered) / 2) <= 1
    assert all(len(reply) == len(MX1) for reply in replies if reply[2] & TC)
    assert server.metric("rrdns_rate_limited_total", action="slipped") == slipped
    assert server.metric("rrdns_rate_limited_total", action="dropped") == BURST - len(replies)


def test_accounts_are_of_a_prefix_and_a_question(server: Victim) -> None:
    with udp(server.port) as asker, udp(server.port, "127.0.0.99") as neighbour:
        burst(asker, MX1, BURST)
        # The debt is of all 127.0.0.0/24, and takes seconds to pay back.
        assert not whole(burst(neighbour, MX1, 20))
        assert len(burst(asker, ask("customer.test.", "MX"), 100)) == 100
    with udp(server.port, "127.0.1.1") as other:
        assert whole(burst(other, MX1, 100)) == 100


def test_whoever_is_told_to_use_tcp_gets_the_answer_there(server: Victim) -> None:
    dig = Dig("127.0.0.1", server.port)
    with Flood(lambda _: MX1).running(server.port, 2000):
        wait_until(lambda: server.metric("rrdns_rate_limited_total"), 20, "the flood to be limited")
        for _ in range(5):
            reply = dig("mx1.example.com", "A", "+tries=10", "+time=1")
            assert set(reply.values) == ADDRESSES
            assert "Truncated, retrying in TCP mode" in reply.text


def test_a_client_with_a_valid_cookie_is_not_limited(server: Victim) -> None:
    client_cookie = b"\0\x0a\0\x08clientck"
    with udp(server.port) as asker:
        (reply,) = burst(asker, ask("mx1.example.com.", "A", tail=opt(options=client_cookie)), 1)
        known = ask("mx1.example.com.", "A", tail=opt(options=reply[-28:]))
        burst(asker, MX1, BURST)
        # Each of these would be limited without it; a cookie made up does not help.
        assert whole(burst(asker, known, 500)) == 500
        forged = ask(
            "mx1.example.com.", "A", tail=opt(options=reply[-28:-1] + bytes([reply[-1] ^ 1]))
        )
        assert not whole(burst(asker, forged, 100))
        stranger = udp(server.port, "127.0.0.2")
    with stranger:
        assert not whole(burst(stranger, known, 100))


def test_limits_can_be_turned_off_and_loopback_is_exempt(tmp_path: Path) -> None:
    for number, limits in enumerate(("", "exempt: [], responses_per_second: 0")):
        directory = tmp_path / str(number)
        directory.mkdir()
        with victim(directory, limits) as server, udp(server.port) as asker:
            assert whole(burst(asker, MX1, BURST)) == BURST
            assert not server.metric("rrdns_rate_limited_total")


def _unbound(directory: Path, port: int, upstream: int) -> list[str]:
    path = directory / "unbound.conf"
    stubs = "".join(
        f'stub-zone:\n    name: "{zone}"\n    stub-addr: 127.0.0.1@{upstream}\n'
        for zone in ("example.com", "customer.test")
    )
    path.write_text(f"""\
server:
    interface: 127.0.0.1
    port: {port}
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: ""
    use-syslog: no
    module-config: "iterator"
    do-not-query-localhost: no
    do-ip6: no
    local-zone: "test." nodefault
    qname-minimisation: no
remote-control:
    control-enable: no
{stubs}""")
    return [require_program("unbound"), "-d", "-c", str(path)]


def test_a_resolver_behind_the_limit_still_gets_its_answers(server: Victim, tmp_path: Path) -> None:
    port = free_port()
    names = [f"name{number}.example.com" for number in range(10)]
    # The resolver's address is forged for both kinds of queries that it has itself.
    absent = Flood(lambda number: ask(f"x{number}.example.com.", "A"))
    with (
        background(_unbound(tmp_path, port, server.port), tmp_path / "unbound.log"),
        Flood(lambda _: MX1).running(server.port, 1000),
        absent.running(server.port, 1000),
    ):
        wait_until(
            lambda: server.metric("rrdns_rate_limited_total", action="slipped") > 100,
            20,
            "the flood to be limited",
        )
        dig = Dig("127.0.0.1", port)
        assert len(dig("customer.test", "MX", "+time=15").values) == 2
        assert set(dig("mx1.example.com", "A", "+time=15").values) == ADDRESSES
        for name in names:
            assert dig(name, "A", "+time=15").status == "NXDOMAIN"
    assert server.metric("rrdns_dns_requests_total", proto="tcp") >= 1


def test_an_address_is_not_worth_forging(server: Victim) -> None:
    """What goes to a victim of forged queries is less than what its forger sends."""
    packet = ask("customer.test.", "MX", tail=opt(4096))
    count = 5000
    with udp(server.port) as asker:
        replies = []
        for start in range(0, count, 500):
            for ident in range(start, start + 500):
                asker.send(struct.pack("!H", ident) + packet[2:])
        replies = burst(asker, packet, 1)
    assert sum(map(len, replies)) < (count + 1) * len(packet)
