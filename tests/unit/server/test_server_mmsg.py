"""Many datagrams in one system call, against ordinary sockets."""

import errno
import socket
from collections.abc import Iterator

import pytest
from support.udp_stage import client

from rrdns.server.mmsg import (
    DATAGRAM_OCTETS,
    FLAGS_WORD,
    HEADER_WORDS,
    LENGTH_WORD,
    MSG_DONTWAIT,
    MSG_TRUNC,
    Batch,
)
from rrdns.server.sockets import Bound, bind_all
from rrdns.settings import Endpoint

PLACES = ["127.0.0.1", "0.0.0.0", "::1", "::"]


@pytest.fixture(params=PLACES)
def bound(request: pytest.FixtureRequest) -> Iterator[Bound]:
    (pair,) = bind_all([Endpoint(request.param, 0)])
    yield pair
    pair.close()


def asker(bound: Bound) -> socket.socket:
    return client(bound.endpoint.port, "::1" if ":" in bound.endpoint.address else "127.0.0.1")


def batch_of(bound: Bound, size: int) -> Batch:
    return Batch(size, bound.family, wildcard=bound.wildcard)


def length(batch: Batch, index: int) -> int:
    return batch.words[index * HEADER_WORDS + LENGTH_WORD]


def test_a_batch_is_received_and_sent_back(bound: Bound) -> None:
    batch = batch_of(bound, 4)
    with asker(bound) as peer:
        for _ in range(3):
            for octets in (0, 1, 500):
                peer.send(bytes(octets))
            count = batch.receive(bound.udp[0].fileno(), MSG_DONTWAIT)
            assert [length(batch, index) for index in range(count)] == [0, 1, 500]
            packed = socket.inet_pton(peer.family, peer.getsockname()[0])
            for index in range(count):
                assert batch.names[batch.clients[index]] == packed
                reply = b"reply %d" % index
                batch.data[index * DATAGRAM_OCTETS :][: len(reply)] = reply
                batch.lengths[2 * index + 1] = len(reply)
            batch.clear_interfaces(count)
            assert batch.send(bound.udp[0].fileno(), 0, count) == []
            assert [peer.recv(100) for _ in range(3)] == [b"reply 0", b"reply 1", b"reply 2"]


def test_nothing_there_is_an_errno_below_zero(bound: Bound) -> None:
    assert batch_of(bound, 1).receive(bound.udp[0].fileno(), MSG_DONTWAIT) == -errno.EAGAIN


def test_too_large_a_datagram_is_marked(bound: Bound) -> None:
    batch = batch_of(bound, 2)
    with asker(bound) as peer:
        peer.send(bytes(DATAGRAM_OCTETS))
        peer.send(bytes(DATAGRAM_OCTETS + 1))
        assert batch.receive(bound.udp[0].fileno(), MSG_DONTWAIT) == 2
    flags = [batch.words[index * HEADER_WORDS + FLAGS_WORD] & MSG_TRUNC for index in range(2)]
    assert flags == [0, MSG_TRUNC]
    assert [length(batch, index) for index in range(2)] == [DATAGRAM_OCTETS] * 2


def test_an_envelope_outlives_its_batch(bound: Bound) -> None:
    batch, single = batch_of(bound, 2), batch_of(bound, 1)
    with asker(bound) as first, asker(bound) as second:
        first.send(b"1")
        second.send(b"2")
        assert batch.receive(bound.udp[0].fileno(), MSG_DONTWAIT) == 2
        envelopes = [batch.envelope(index) for index in range(2)]
        second.send(b"another")
        assert batch.receive(bound.udp[0].fileno(), MSG_DONTWAIT) == 1
        for envelope in envelopes:
            assert single.post(bound.udp[0].fileno(), envelope, b"late") == []
            assert bool(envelope.control) == bound.wildcard
        assert [peer.recv(100) for peer in (first, second)] == [b"late", b"late"]
        # What was posted before is no part of what comes after it.
        assert single.post(bound.udp[0].fileno(), envelopes[1], b"x") == []
        assert second.recv(100) == b"x"


def test_what_cannot_be_posted_is_told(bound: Bound) -> None:
    batch, single = batch_of(bound, 1), batch_of(bound, 1)
    with asker(bound) as peer:
        peer.send(b"1")
        assert batch.receive(bound.udp[0].fileno(), MSG_DONTWAIT) == 1
    envelope = batch.envelope(0)
    (failure,) = single.post(-1, envelope, b"reply")
    assert failure
