"""Presentation format to RDATA: single records and RFC 1035 zone files, by dnspython.

The only importer of dnspython. Text comes in as an argument; nothing here opens a file, and
`$INCLUDE` is refused for that reason.
"""

import re
from dataclasses import dataclass
from typing import cast

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.transaction
import dns.zonefile

from rrdns import names
from rrdns.errors import Problem
from rrdns.model import RRset
from rrdns.names import Name
from rrdns.rrtypes import type_text

_MAX_TTL_SECONDS = 2**31 - 1
# Type 0, OPT and the range of QTYPEs and meta-TYPEs (RFC 6895, section 3.1).
_META_TYPES = frozenset({0, 41, *range(128, 256)})
_UNSUPPORTED = {
    "$INCLUDE": "put the records of the other file into this one",
    "$GENERATE": "write the records out",
}
_MAX_SHOWN = 60
_PLACE = re.compile(r"^.*?:\d+: ")


@dataclass(frozen=True, slots=True)
class FileRRset:
    """One RRset of a zone file, with the line of its first record (counting from 1)."""

    owner: Name
    rrset: RRset
    line: int


def parse_rdata(rrtype: int, text: str, origin: Name) -> bytes:
    r"""Return the uncompressed wire RDATA of a record in presentation format.

    Relative names in it are relative to `origin`; RFC 3597's ``\# LENGTH HEX`` is understood for
    every type. Raises ValueError with a message for an operator.
    """
    if rrtype in _META_TYPES:
        raise ValueError(f"{type_text(rrtype)} is not a type that a zone can hold")
    try:
        base = dns.name.from_wire(origin, 0)[0]
        rdata = dns.rdata.from_text(
            dns.rdataclass.IN, dns.rdatatype.RdataType.make(rrtype), text, base, relativize=False
        )
        wire = rdata.to_wire(origin=base)
    except Exception as error:
        raise ValueError(
            f"not the data of a {type_text(rrtype)} record: {_words(error)}"
        ) from error
    if wire is None or len(wire) > 0xFFFF:
        raise ValueError(f"the data of a {type_text(rrtype)} record is over 65535 octets")
    return wire


def rdata_text(rrtype: int, rdata: bytes) -> str:
    """Return RDATA in presentation format, names absolute."""
    text = dns.rdata.from_wire(
        dns.rdataclass.IN, dns.rdatatype.RdataType.make(rrtype), rdata, 0, len(rdata)
    ).to_text()
    # dnspython ends the empty generic form in a blank.
    return text.rstrip()


def _words(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


class _Builder:
    """Gathers records into RRsets and problems into a list.

    It has the shape of the transaction that dnspython's reader wants.
    """

    def __init__(self, file: str, origin: Name, tokenizer: "_Tokenizer") -> None:
        self.file = file
        self.origin = origin
        self.tokenizer = tokenizer
        self.manager = self
        self.problems: list[Problem] = []
        self.first: dict[tuple[Name, int], tuple[int, int]] = {}
        self.rdatas: dict[tuple[Name, int], dict[dns.rdata.Rdata, bytes]] = {}

    def origin_information(self) -> tuple[dns.name.Name, bool, dns.name.Name]:
        # The root as zone origin: the reader drops names outside of it without a word, and we
        # want to tell of each.
        return dns.name.root, False, dns.name.root

    def check_put_rdataset(self, check: object) -> None:
        """Leave the reader's own check alone: ours knows every source of records."""

    def _set_origin(self, origin: dns.name.Name) -> None:
        """Leave `$ORIGIN` to the reader."""

    def problem(self, message: str) -> None:
        self.problems.append(Problem(self.file, self.tokenizer.start_line, 1, "", message))

    def add(self, name: dns.name.Name, ttl: int, rdata: dns.rdata.Rdata) -> None:
        """Take one record from the reader."""
        owner = cast("bytes", name.to_wire()).lower()
        rrtype = int(rdata.rdtype)
        line, first_ttl = self.first.get((owner, rrtype), (self.tokenizer.start_line, ttl))
        if not names.is_below(owner, self.origin):
            zone = names.to_text(self.origin)
            self.problem(f"{names.to_text(owner)} is outside the zone {zone}")
        elif rrtype in _META_TYPES:
            self.problem(f"{type_text(rrtype)} is not a type that a zone can hold")
        elif ttl > _MAX_TTL_SECONDS:
            self.problem(f"the TTL {ttl} is over {_MAX_TTL_SECONDS} (RFC 2181, section 8)")
        elif first_ttl != ttl:
            self.problem(
                f"the TTL {ttl} differs from {first_ttl} of the same RRset in line {line}"
                " (RFC 2181, section 5.2)"
            )
        else:
            self.first[owner, rrtype] = (line, ttl)
            # Equal records are one (RFC 2181, section 5), and names in RDATA compare without case
            # (RFC 4343), as dnspython's values do; the first writing is kept.
            rdatas = self.rdatas.setdefault((owner, rrtype), {})
            rdatas.setdefault(rdata, cast("bytes", rdata.to_wire()))

    def rrsets(self) -> list[FileRRset]:
        """Return what was gathered, in the file's order."""
        return [
            FileRRset(
                key[0],
                RRset(key[1], self.first[key][1], tuple(rdatas.values())),
                self.first[key][0],
            )
            for key, rdatas in self.rdatas.items()
        ]


class _Tokenizer(dns.tokenizer.Tokenizer):
    """Knows in which line the record at hand began, and whether its end has been read."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, filename=file, idna_codec=dns.name.IDNA_2008_UTS_46)
        self.start_line = 1
        self.at_end = False

    def get(self, want_leading: bool = False, want_comment: bool = False) -> dns.tokenizer.Token:
        if want_leading and want_comment:
            # Only the reader's loop over lines asks for both.
            self.start_line = self.where()[1]
        # What raises here has not read an end, even if the line before was read to its own.
        self.at_end = False
        token = super().get(want_leading, want_comment)
        self.at_end = token.is_eol_or_eof()
        return token

    def unget(self, token: dns.tokenizer.Token) -> None:
        super().unget(token)
        self.at_end = False

    def skip_line(self) -> bool:
        """Read to the end of the line; tell whether the file can be read on from there."""
        try:
            while not self.at_end:
                self.get()
        except dns.exception.DNSException:
            return False
        return True


def parse_zone_file(
    text: str, file: str, origin: Name, default_ttl_seconds: int
) -> tuple[list[FileRRset], list[Problem]]:
    """Return the RRsets of an RFC 1035 zone file, and every problem with its line.

    `$ORIGIN` and `$TTL` (RFC 2308, section 4) are understood; `$INCLUDE` and `$GENERATE` are
    problems. A record without a TTL has that of `$TTL`, else `default_ttl_seconds`. After a
    broken record the reading goes on in the next line, so that all problems are found at once.
    """
    base = dns.name.from_wire(origin, 0)[0]
    lines = text.split("\n")
    tokenizer = _Tokenizer(text, file)
    builder = _Builder(file, origin, tokenizer)
    reader = dns.zonefile.Reader(
        tokenizer,
        dns.rdataclass.IN,
        cast("dns.transaction.Transaction", builder),
        allow_directives=["$ORIGIN", "$TTL"],
        default_ttl=default_ttl_seconds,
    )
    reader.current_origin = reader.last_name = base
    while True:
        try:
            reader.read()
            break
        except dns.exception.DNSException as error:
            builder.problem(_message(error, lines[tokenizer.start_line - 1].strip()))
            if not tokenizer.skip_line():
                break
    return builder.rrsets(), builder.problems


def _message(error: Exception, line: str) -> str:
    for directive, advice in _UNSUPPORTED.items():
        if line.upper().startswith(directive):
            return f"{directive} is not supported: {advice}"
    # dnspython often tells what it missed and not where.
    shown = line if len(line) <= _MAX_SHOWN else f"{line[:_MAX_SHOWN]}..."
    return f"{_PLACE.sub('', _words(error)).removesuffix('.')}: {shown}"
