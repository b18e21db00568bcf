"""Which questions are asked: every name of the zones and what is near it, in many manners.

Deterministic: a seeded generator chooses, so that a difference can be asked for again.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdatatype
import dns.zone
from golden.case import ask, opt

from differential.servers import ZONES

DO = 0x8000
SEED = 20240229
TYPES = (
    "A", "AAAA", "MX", "NS", "SOA", "TXT", "CNAME", "DS", "SRV", "ANY", "TYPE65280", "TYPE65282",
)  # fmt: skip
# Each manner of EDNS, as the OPT record of the query.
MANNERS = {
    "plain": b"",
    "512": opt(512),
    "1232": opt(1232),
    "4096": opt(4096),
    "below 512": opt(100),
    "do": opt(1232, flags=DO),
    "version 1": opt(1232, version=1),
    "unknown option": opt(1232, options=[(65001, b"unknown")]),
    "unknown flags": opt(1232, flags=0x7FFF),
    "client subnet": opt(1232, options=[(8, bytes.fromhex("000118000c0000"))]),
}
# Mostly what clients send; but an unknown version says nothing of the name.
_WEIGHTS = (6, 1, 6, 3, 1, 4, 0, 1, 1, 1)
# A name of every kind of answer.
_EVERY_MANNER = (
    "www", "nothere", "between", "x.wild", "sub", "medium", "large", "chain1", "bigglue",
    "leaf.renamed", f"{'x' * 63}.{'x' * 63}.long",
)  # fmt: skip
_STRANGERS = (".", "com.", "test.", "elsewhere.test.", "xexample.com.", "org.", "www.example.de.")


@dataclass(frozen=True, slots=True)
class Question:
    """One query as it is sent."""

    qname: str
    qtype: str
    manner: str
    tcp: bool
    rd: bool = False

    @property
    def packet(self) -> bytes:
        """The query in wire format."""
        flags = 0x0100 if self.rd else 0
        return ask(self.qname, self.qtype, flags=flags, edns=MANNERS[self.manner])

    @property
    def edns(self) -> bool:
        """Whether the query has an OPT."""
        return self.manner != "plain"

    def __str__(self) -> str:
        transport = "tcp" if self.tcp else "udp"
        return f"{self.qname} {self.qtype} ({self.manner}, {transport}{', rd' if self.rd else ''})"


def _owners() -> dict[dns.name.Name, set[str]]:
    """Return every name of the zones, empty non-terminals too, with the types that it has."""
    found: dict[dns.name.Name, set[str]] = {}
    for source in ZONES:
        zone = dns.zone.from_text(source.whole(), origin=f"{source.apex}.", relativize=False)
        apex = dns.name.from_text(source.apex)
        for owner, node in zone.nodes.items():
            types = {dns.rdatatype.to_text(rdataset.rdtype) for rdataset in node.rdatasets}
            found.setdefault(owner, set()).update(types)
            ancestor = owner
            while ancestor != apex:
                found.setdefault(ancestor, set())
                ancestor = ancestor.parent()
    return found


def _near(owner: dns.name.Name, chance: random.Random) -> Iterator[dns.name.Name]:
    """Yield names that are likely not there, and yet must be answered from what is near them."""
    first, *rest = owner.labels
    prefixes = ([b"nothere"], [b"*"], [b"a", b"b"], [b"\0\xff"], [b"x" * 63])
    candidates = [
        (*chance.choice(prefixes), first, *rest),
        (b"nothere", first, *rest),
        (b"*", first, *rest),
        (first + b"x", *rest),
        (b"nothere", *rest),
        tuple(rest),
        (first[:-1] or b"y", *rest),
    ]
    for labels in candidates:
        try:
            yield dns.name.Name(labels)
        except dns.exception.DNSException:
            continue  # over 63 or 255 octets


def _cased(name: dns.name.Name, chance: random.Random) -> str:
    """Return a name as a resolver that mixes the case would ask for it."""
    labels = (
        bytes(
            octet ^ 0x20
            if chr(octet).isalpha() and octet < 0x80 and chance.random() < 0.5
            else octet
            for octet in label
        )
        for label in name.labels
    )
    return dns.name.Name(labels).to_text()


def questions() -> list[Question]:
    """Return all questions, the same ones at every call, each once."""
    chance = random.Random(SEED)
    made: dict[Question, None] = {}

    def add(name: dns.name.Name, rrtype: str, manner: str | None = None) -> None:
        manner = manner or chance.choices(list(MANNERS), _WEIGHTS)[0]
        qname = _cased(name, chance) if chance.random() < 0.3 else name.to_text()
        made[Question(qname, rrtype, manner, chance.random() < 0.2, chance.random() < 0.3)] = None

    owners = _owners()
    for owner, types in owners.items():
        for rrtype in dict.fromkeys((*TYPES, *sorted(types))):
            add(owner, rrtype)
    for owner in owners:
        for name in _near(owner, chance):
            for rrtype in chance.sample(TYPES, 3):
                add(name, rrtype)
    for apex in (dns.name.from_text(source.apex) for source in ZONES):
        for rrtype in TYPES:
            add(apex.parent(), rrtype)
            add(dns.name.from_text("nothere", apex.parent()), rrtype)
    for stranger in _STRANGERS:
        for rrtype in TYPES:
            add(dns.name.from_text(stranger), rrtype)
    for text in _EVERY_MANNER:
        for rrtype in ("A", "TXT", "ANY"):
            for manner in MANNERS:
                add(dns.name.from_text(f"{text}.example.com"), rrtype, manner)
    return list(made)
