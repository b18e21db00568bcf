"""Domain names as a configuration writes them: IDN to A-labels, relative or absolute to wire.

The only importer of idna (IDNA 2008; RFC 5890 to 5893, with the lowercasing of UTS 46).
"""

import re

import idna

from rrdns.config.document import Tree
from rrdns.config.scalars import any_address, shown, text
from rrdns.names import ROOT, Name, Prefix, from_text, is_below, labels, to_text

# UTS 46 takes these for dots, too: ideographic, fullwidth and halfwidth.
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
# A dot-string (RFC 5321, section 4.1.2).
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MAX_LOCAL_PART_OCTETS = 64
_LABEL = re.compile(rb"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")


def to_ascii(written: str) -> str:
    """Return text with its internationalised labels as A-labels; ASCII labels stay as they are.

    Raises ValueError for a label that IDNA 2008 forbids.
    """
    if written.isascii():
        return written
    done = []
    for label in written.translate(_DOTS).split("."):
        if label.isascii():
            done.append(label)
            continue
        try:
            done.append(idna.encode(label, uts46=True).decode())
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError(
                f"{written!r} is not a valid internationalised name: {error}"
            ) from None
    return ".".join(done)


def absolute(written: str) -> Name:
    """Return the wire form of an absolute name, with or without its final dot."""
    return from_text(to_ascii(written))


def from_key(written: str, apex: Name) -> Name:
    """Return the name that a key of `hosts` or `records` means: relative unless it ends in a dot.

    Raises ValueError for a name outside the zone.
    """
    name = from_text(to_ascii(written), apex)
    if not is_below(name, apex):
        raise ValueError(f"{shown(written)} is not in this zone")
    return name


def from_value(written: str, apex: Name | None) -> Name:
    """Return the name that a value means: relative to the zone if it has no dot, else absolute.

    In a profile (`apex` is None) every value is absolute, and one without a dot is refused, since
    it would be a top-level domain.
    """
    ascii_text = to_ascii(written)
    if "." in ascii_text:
        return from_text(ascii_text)
    if apex is None:
        if ascii_text in ("", "@"):
            raise ValueError("the name is empty: write an absolute name")
        raise ValueError(f"{written!r} has no dot: in a profile, write the name in full")
    return from_text(ascii_text, apex)


def helo(value: Tree) -> str:
    """Read what a probe says of itself: a host name, or an address literal in brackets.

    RFC 5321, section 4.1.3. Nothing else is let through, since it goes to the peer as it stands.
    """
    return _host_or_literal(text(value))


def _host_or_literal(found: str) -> str:
    if found.startswith("[") and found.endswith("]"):
        any_address(found[1:-1].removeprefix("IPv6:"))
        return found
    return to_text(check_hostname(absolute(found))).removesuffix(".")


def recipient(value: Tree) -> str:
    """Read the mail address that probes ask about: local part and domain, or just postmaster.

    RFC 5321, sections 4.1.2 and 4.5.1. Like `helo`, it goes to the peer as it stands.
    """
    found = text(value)
    if found.lower() == "postmaster":
        return found
    local, at, domain = found.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or len(local) > _MAX_LOCAL_PART_OCTETS:
        raise ValueError(f"{shown(found)} is no mail address: write it like postmaster@example.com")
    return f"{local}@{_host_or_literal(domain)}"


def prefix(name: Name, apex: Name) -> Prefix:
    """Return the labels of `name` that stand before `apex`."""
    return name[: len(name) - len(apex)]


def check_hostname(name: Name) -> Name:
    """Return a name whose labels are of letters, digits, hyphens and underscores, else raise.

    RFC 1123, section 2.1; the underscore is let through because some do use it.
    """
    if name == ROOT:
        raise ValueError("the root is not a host name")
    for label in labels(name):
        if not _LABEL.fullmatch(label):
            raise ValueError(
                f"{label.decode('ascii', 'backslashreplace')!r} cannot be part of a host name:"
                " use letters, digits and hyphens inside"
            )
    return name
