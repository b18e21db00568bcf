"""What is probed, how, and what came of it: targets, settings, results, verdicts.

Frozen data only. Durations are seconds.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from rrdns.rrtypes import AAAA, A


class Family(StrEnum):
    """An address family, by the word that metrics and the API use."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def rrtype(self) -> int:
        """The record type whose RDATA is an address of this family."""
        return A if self is Family.IPV4 else AAAA


class Check(StrEnum):
    """How deep a probe looks; each level includes those before it."""

    NONE = "none"
    TCP = "tcp"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    RCPT = "rcpt"


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """How one target is probed; the defaults are the configuration's."""

    check: Check = Check.EHLO
    port: int = 25
    interval_seconds: float = 3.0
    fast_interval_seconds: float = 0.5
    fall: int = 2
    rise: int = 3
    connect_timeout_seconds: float = 2.0
    banner_timeout_seconds: float = 10.0
    command_timeout_seconds: float = 5.0
    helo: str | None = None
    recipient: str | None = None
    verify: bool = False
    source_ipv4: str | None = None
    source_ipv6: str | None = None


class TargetKey(NamedTuple):
    """What makes a target the same one across reloads."""

    address: str
    port: int
    check: Check


@dataclass(frozen=True)
class Target:
    """One address that is probed, whoever uses it; `address` in canonical text.

    `server_name` is the host name under which senders know the address, as text without the final
    dot: TLS asks for it, and certificates are verified against it. None where nobody knows one.
    """

    address: str
    settings: ProbeSettings
    server_name: str | None = None

    @cached_property
    def key(self) -> TargetKey:
        """The target's identity."""
        return TargetKey(self.address, self.settings.port, self.settings.check)

    @cached_property
    def family(self) -> Family:
        """The family of the address."""
        return Family.IPV6 if ":" in self.address else Family.IPV4

    @cached_property
    def packed(self) -> bytes:
        """The address as RDATA of A or AAAA: 4 or 16 octets."""
        return ipaddress.ip_address(self.address).packed


class Reason(StrEnum):
    """How a probe ended (design, section 5)."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BUSY = "busy"
    REJECTED = "rejected"
    PROTOCOL = "protocol"
    TLS = "tls"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class TlsSession:
    """What TLS showed of a target: the protocol's version and the cipher, by OpenSSL's names.

    `names` are those that the target's own certificate is for, `earliest_expiry` is when the first
    certificate of the chain expires, in unix seconds; None where there was none to be read.
    """

    version: str | None
    cipher: str | None
    names: tuple[str, ...] = ()
    earliest_expiry: float | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe's end: `phase` is the one that failed, `seconds` those of each phase it reached.

    `code` and `text` are the last reply's code and first line, or what TLS had to object to; None
    where there was neither. `tls` is there if certificates were shown.
    """

    reason: Reason
    phase: str | None = None
    code: int | None = None
    text: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    tls: TlsSession | None = None

    @property
    def ok(self) -> bool:
        """Whether the target passed."""
        return self.reason is Reason.OK


class Verdict(StrEnum):
    """What the probes say of a target."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class Health(StrEnum):
    """The effective state of a target, as selection sees it.

    PENDING is a target that a reload added and that has no verdict yet: it stays out while its
    host has a healthy address in its family. UNKNOWN counts as healthy.
    """

    UP = "up"
    UNKNOWN = "unknown"
    PENDING = "pending"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Override:
    """An operator's word on a node, or on one role of it: it beats the probes while it holds.

    `state` is UP or DOWN. `since` is when it was set, `until` when it expires (None: when it is
    lifted), both in unix seconds.
    """

    state: Verdict
    since: float
    until: float | None = None
    reason: str = ""
