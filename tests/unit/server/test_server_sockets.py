import errno
import logging
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from support.ports import free_port

from rrdns.errors import StartError
from rrdns.server import sockets
from rrdns.server.sockets import Bound, bind_all
from rrdns.settings import Endpoint
from rrdns.targets import Family


@pytest.fixture
def bind() -> Iterator[Callable[..., list[Bound]]]:
    """`bind_all`, whose sockets are closed after the test."""
    all_bound: list[Bound] = []

    def bind_them(*endpoints: Endpoint, udp_sockets: int = 1) -> list[Bound]:
        all_bound.extend(bind_all(endpoints, udp_sockets))
        return all_bound

    yield bind_them
    for pair in all_bound:
        pair.close()


def is_free(kind: int, port: int, address: str = "127.0.0.1") -> bool:
    with closing(socket.socket(socket.AF_INET, kind)) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def test_port_0_is_one_free_port_for_both(bind: Callable[..., list[Bound]]) -> None:
    (pair,) = bind(Endpoint("127.0.0.1", 0))
    assert pair.udp[0].getsockname() == pair.tcp.getsockname() == tuple(pair.endpoint[:2])
    assert pair.endpoint.port
    assert pair.family is Family.IPV4
    assert not pair.wildcard
    assert not pair.tcp.getblocking()


def test_ipv6_sockets_leave_ipv4_alone(bind: Callable[..., list[Bound]]) -> None:
    port = free_port()
    first, second = bind(Endpoint("0.0.0.0", port), Endpoint("::", port))
    assert first.wildcard
    assert second.wildcard
    assert second.family is Family.IPV6
    for sock in (*second.udp, second.tcp):
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def test_the_receive_buffer_is_large(bind: Callable[..., list[Bound]]) -> None:
    (pair,) = bind(Endpoint("127.0.0.1", 0))
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as plain:
        default = plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert pair.udp[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= default


def test_without_the_privilege_the_buffer_is_what_the_kernel_lets(
    bind: Callable[..., list[Bound]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_SO_RCVBUFFORCE", -1)
    (pair,) = bind(Endpoint("127.0.0.1", 0))
    assert pair.udp[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 0


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_busy_port_is_one_line_and_leaves_nothing_bound(kind: int) -> None:
    with closing(socket.socket(socket.AF_INET, kind)) as owner:
        owner.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            owner.listen()
        port = owner.getsockname()[1]
        other = free_port()
        with pytest.raises(StartError) as refused:
            bind_all([Endpoint("127.0.0.1", other), Endpoint("127.0.0.1", port)])
        assert str(refused.value) == (
            f"cannot listen on 127.0.0.1:{port}: the port is in use by another server; stop that"
            " one, or choose another address or port in server.listen"
        )
        rest = socket.SOCK_DGRAM if kind == socket.SOCK_STREAM else socket.SOCK_STREAM
        assert is_free(rest, port)
        assert is_free(socket.SOCK_STREAM, other)
        assert is_free(socket.SOCK_DGRAM, other)


def test_a_second_server_on_the_same_port_is_told(bind: Callable[..., list[Bound]]) -> None:
    (pair,) = bind(Endpoint("127.0.0.1", 0))
    with pytest.raises(StartError, match="the port is in use by another server"):
        bind_all([pair.endpoint])


def test_several_udp_sockets_share_a_port_that_no_other_server_gets(
    bind: Callable[..., list[Bound]],
) -> None:
    (pair,) = bind(Endpoint("127.0.0.1", 0), udp_sockets=3)
    assert {sock.getsockname() for sock in (*pair.udp, pair.tcp)} == {pair.endpoint[:2]}
    assert len(pair.udp) == 3
    for udp_sockets in (1, 3):
        with pytest.raises(StartError, match="the port is in use by another server"):
            bind_all([pair.endpoint], udp_sockets)
    assert not is_free(socket.SOCK_DGRAM, pair.endpoint.port)


def test_every_udp_socket_gets_queries(bind: Callable[..., list[Bound]]) -> None:
    (pair,) = bind(Endpoint("127.0.0.1", 0), udp_sockets=2)
    silent = set(pair.udp)
    # The kernel goes by the client's port.
    for _ in range(1000):
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asker:
            asker.sendto(b"x", pair.endpoint[:2])
        silent -= {sock for sock in silent if select.select([sock], [], [], 0)[0]}
        if not silent:
            return
    raise AssertionError(f"{len(silent)} of 2 sockets got nothing")


def failing(monkeypatch: pytest.MonkeyPatch, *codes: int) -> Callable[[], list[int]]:
    """Let binding fail with these errors in turn, then succeed; returns those not used."""
    left = list(codes)
    real = sockets._bind

    def bind_one(endpoint: Endpoint, udp_sockets: int) -> Bound:
        if left:
            code = left.pop(0)
            raise OSError(code, f"error {code}")
        return real(endpoint, udp_sockets)

    monkeypatch.setattr(sockets, "_bind", bind_one)
    return lambda: left


def test_a_port_0_whose_twin_is_taken_is_tried_again(
    bind: Callable[..., list[Bound]], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = failing(monkeypatch, *[errno.EADDRINUSE] * 3)
    (pair,) = bind(Endpoint("127.0.0.1", 0))
    assert pair.endpoint.port
    assert not left()


def test_a_port_that_was_written_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    left = failing(monkeypatch, *[errno.EADDRINUSE] * 2)
    with pytest.raises(StartError, match="in use"):
        bind_all([Endpoint("127.0.0.1", 5399)])
    assert len(left()) == 1


def test_when_no_port_is_free_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, *[errno.EADDRINUSE] * 100)
    with pytest.raises(StartError, match="in use"):
        bind_all([Endpoint("127.0.0.1", 0)])


@pytest.mark.parametrize(
    ("code", "port", "words"),
    [
        (errno.EADDRINUSE, 53, "often systemd-resolved: set DNSStubListener=no"),
        (errno.EACCES, 53, "ports below 1024 need CAP_NET_BIND_SERVICE"),
        (errno.EPERM, 53, "choose another port"),
        (errno.EADDRNOTAVAIL, 53, "no interface of this machine has that address"),
        (errno.EMFILE, 53, f"error {errno.EMFILE}; see server.listen"),
    ],
)
def test_each_error_says_what_to_do(
    code: int, port: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, code)
    with pytest.raises(StartError) as refused:
        bind_all([Endpoint("192.0.2.1", port)])
    line = str(refused.value)
    assert line.startswith(f"cannot listen on 192.0.2.1:{port}: ")
    assert words in line
    assert "\n" not in line


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_a_default_endpoint_of_an_absent_family_is_left_out(
    code: int,
    bind: Callable[..., list[Bound]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing(monkeypatch, code)
    with caplog.at_level(logging.WARNING):
        (pair,) = bind(Endpoint("::", 53, default=True), Endpoint("127.0.0.1", 0, default=True))
    assert pair.endpoint.address == "127.0.0.1"
    assert [record.getMessage() for record in caplog.records] == [
        f"listen=[::]:53 left out: error {code}"
    ]


def test_an_endpoint_that_was_written_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, errno.EADDRNOTAVAIL)
    with pytest.raises(StartError, match=r"cannot listen on \[2001:db8::1\]:53"):
        bind_all([Endpoint("2001:db8::1", 53)])


def test_nothing_to_listen_on_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, errno.EAFNOSUPPORT)
    with pytest.raises(StartError, match=r"set server\.listen"):
        bind_all([Endpoint("::", 53, default=True)])
