"""What a reply says, and how a server is asked."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

import dns.flags
import dns.message
import dns.rdata
import dns.rdatatype
import dns.rrset

from differential.questions import Question

_DEADLINE_SECONDS = 5
_TC = 0x0200
_AA = 0x0400
_NAMES = {_AA: "AA", _TC: "TC", 0x0100: "RD", 0x0080: "RA", 0x0020: "AD", 0x0010: "CD", 0x40: "Z"}

# (owner in lower case, TTL, type, RDATA); RDATA compares as RFC 4034, section 6.2, has it: names in
# it without case, text with it.
Line = tuple[str, int, str, dns.rdata.Rdata]
Section = frozenset[Line]


@dataclass(frozen=True, slots=True)
class Said:
    """What a reply says, whatever the order of its records and the case of its names.

    `opt` is the version and the flags of the OPT, `options` the codes of its options.
    """

    rcode: int
    flags: frozenset[str]
    answer: Section = frozenset()
    authority: Section = frozenset()
    additional: Section = frozenset()
    opt: tuple[int, int] | None = None
    options: tuple[int, ...] = ()

    def __str__(self) -> str:
        lines = [f"rcode {self.rcode}, flags {sorted(self.flags)}, opt {self.opt} {self.options}"]
        for name in ("answer", "authority", "additional"):
            section: Section = getattr(self, name)
            lines += sorted(f"  {name}: {' '.join(map(str, line))}" for line in section)
        return "\n".join(lines)


def said(wire: bytes) -> Said:
    """Read a reply."""
    message = dns.message.from_wire(wire)
    flags = int.from_bytes(wire[2:4], "big")
    return Said(
        int(message.rcode()),
        frozenset(name for bit, name in _NAMES.items() if flags & bit),
        _section(message.answer),
        _section(message.authority),
        _section(message.additional),
        None if message.edns < 0 else (message.edns, message.ednsflags & 0xFFFF),
        tuple(sorted(int(option.otype) for option in message.options)),
    )


def _section(rrsets: Iterable[dns.rrset.RRset]) -> Section:
    return frozenset(
        (
            rrset.name.to_text().lower(),
            rrset.ttl,
            dns.rdatatype.to_text(rrset.rdtype),
            rdata,
        )
        for rrset in rrsets
        for rdata in rrset
    )


class Client:
    """Asks one server over UDP and TCP, one question at a time."""

    def __init__(self, address: str, port: int) -> None:
        self._place = (address, port)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.settimeout(_DEADLINE_SECONDS)
        self._udp.connect(self._place)
        self._tcp = socket.create_connection(self._place, _DEADLINE_SECONDS)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._udp.close()
        self._tcp.close()

    def ask(self, question: Question) -> bytes:
        """Return the reply to a question; raises TimeoutError where none comes."""
        if not question.tcp:
            self._udp.send(question.packet)
            return self._udp.recv(65535)
        packet = question.packet
        self._tcp.sendall(len(packet).to_bytes(2, "big") + packet)
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def _exactly(self, octets: int) -> bytes:
        data = b""
        while len(data) < octets:
            more = self._tcp.recv(octets - len(data))
            if not more:
                raise EOFError("the server closed the connection")
            data += more
        return data
