"""What a chain of certificates says that an operator wants to know.

Rules of this room: bytes in, values out; no I/O, no clock. The only importer of cryptography.
Nothing is verified here: the chain is what a peer showed, and may be anything.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, NamedTuple

from cryptography import x509

from rrdns.health.smtp import printable

MAX_NAMES: Final = 20


class Chain(NamedTuple):
    """The names that a chain's first certificate is for, and when the first of all expires.

    At most MAX_NAMES names; the expiry is in unix seconds, None if no certificate could be read.
    """

    names: tuple[str, ...]
    earliest_expiry: float | None


def read_chain(ders: Sequence[bytes]) -> Chain:
    """Read certificates in DER, the peer's own first; what cannot be read is passed over."""
    expiries = [expiry for der in ders if (expiry := _expiry(der)) is not None]
    return Chain(_names(ders[0]) if ders else (), min(expiries, default=None))


# The library promises no set of exceptions, and the bytes are a stranger's.


def _expiry(der: bytes) -> float | None:
    with suppress(Exception):
        return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp()
    return None


def _names(der: bytes) -> tuple[str, ...]:
    for read in (_alternative_names, _common_names):
        with suppress(Exception):
            certificate = x509.load_der_x509_certificate(der)
            found = list(islice(read(certificate), MAX_NAMES))
            return tuple(printable(name.encode("ascii", "replace")) for name in found)
    return ()


def _alternative_names(certificate: x509.Certificate) -> Iterator[str]:
    """Yield the names and addresses that a certificate is for (RFC 9525, section 2)."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (str(name.value) for name in names if isinstance(name, (x509.DNSName, x509.IPAddress)))


def _common_names(certificate: x509.Certificate) -> Iterator[str]:
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return (str(attribute.value) for attribute in found)
