"""What is read from certificates, whoever made them."""

import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from rrdns.health.certificates import MAX_NAMES, Chain, read_chain

KEY = ec.generate_private_key(ec.SECP256R1())
EXPIRY = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def certificate(
    *names: x509.GeneralName, common: str | None = None, expiry: datetime.datetime = EXPIRY
) -> bytes:
    subject = [] if common is None else [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(expiry)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.DER)


DNS = x509.DNSName
LATER = datetime.datetime(2031, 1, 1, tzinfo=datetime.UTC)
GOOD = certificate(DNS("mx1.example.com"), DNS("*.example.net"), common="other")


@pytest.mark.parametrize(
    ("chain", "names"),
    [
        ([GOOD], ("mx1.example.com", "*.example.net")),
        ([certificate(common="mx.example.com")], ("mx.example.com",)),
        ([certificate()], ()),
        ([certificate(x509.RFC822Name("a@b.test"), DNS("b.test"))], ("b.test",)),
        ([certificate(DNS("a\x1b[2J\nb.test"))], ("a?[2J",)),
        ([GOOD, certificate(DNS("b.test"), expiry=LATER)], ("mx1.example.com", "*.example.net")),
        ([certificate(common="broken").replace(b"broken", b"\xff" * 6)], ()),
        ([GOOD, b"junk"], ("mx1.example.com", "*.example.net")),
    ],
)  # fmt: skip
def test_names(chain: list[bytes], names: tuple[str, ...]) -> None:
    assert read_chain(chain) == Chain(names, EXPIRY.timestamp())


def test_the_first_expiry_of_the_whole_chain_counts() -> None:
    later = certificate(DNS("mx.test"), expiry=LATER)
    assert read_chain([later]).earliest_expiry == LATER.timestamp()
    assert read_chain([later, GOOD, later]).earliest_expiry == EXPIRY.timestamp()


def test_names_are_bounded() -> None:
    many = certificate(*(DNS(f"mx{number}.test") for number in range(100)))
    assert read_chain([many]).names == tuple(f"mx{number}.test" for number in range(MAX_NAMES))
    long = certificate(DNS("x" * 5000))
    assert [len(name) for name in read_chain([long]).names] == [200]


def test_addresses_are_names_too() -> None:
    names = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("192.0.2.1", "2001:db8::1")]
    assert read_chain([certificate(*names)]).names == ("192.0.2.1", "2001:db8::1")


@pytest.mark.parametrize("chain", [[], [b""], [b"junk", b"\x30\x00"]])
def test_nothing_to_read(chain: list[bytes]) -> None:
    assert read_chain(chain) == Chain((), None)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=6))
def test_broken_certificates_never_raise(changes: list[tuple[int, int]]) -> None:
    broken = bytearray(GOOD)
    for place, octet in changes:
        broken[place] = octet
    found = read_chain([bytes(broken)])
    assert all(name.isprintable() for name in found.names)
