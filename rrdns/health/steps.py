"""What follows which reply in a probe's dialogue, for each check: tables, and nothing but tables.

A step for each reply that is waited for; a deeper check adds rows to a shallower one.
"""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from rrdns.targets import Check, Reason


class Step(Enum):
    """Which reply is waited for; at HANDSHAKE it is the end of TLS's handshake."""

    GREETING = auto()
    EHLO = auto()
    HELO = auto()
    STARTTLS = auto()
    HANDSHAKE = auto()
    EHLO_AGAIN = auto()
    MAIL = auto()
    RCPT = auto()
    RSET = auto()
    QUIT = auto()
    END = auto()


PHASES: Final = {
    Step.GREETING: "banner",
    Step.EHLO: "ehlo",
    Step.HELO: "ehlo",
    Step.STARTTLS: "starttls",
    Step.HANDSHAKE: "tls",
    Step.EHLO_AGAIN: "ehlo",
    Step.MAIL: "mail",
    Step.RCPT: "rcpt",
    # The verdict stands by then: what is left is to take leave.
    Step.RSET: "quit",
    Step.QUIT: "quit",
    Step.END: "quit",
}
COMMANDS: Final = {
    Step.EHLO: "EHLO {helo}",
    Step.HELO: "HELO {helo}",
    Step.STARTTLS: "STARTTLS",
    Step.EHLO_AGAIN: "EHLO {helo}",
    Step.MAIL: "MAIL FROM:<>",
    Step.RCPT: "RCPT TO:<{recipient}>",
    Step.RSET: "RSET",
    Step.QUIT: "QUIT",
}
LEAVING: Final = frozenset({Step.RSET, Step.QUIT})

# What a reply leads to, by its whole code or by its first digit: the next step, or the end of the
# dialogue with a reason. A reply that has no row is not what SMTP says at this place: `protocol`.
Table = Mapping[tuple[Step, int], "Step | Reason"]
_BANNER: Final[Table] = {
    (Step.GREETING, 220): Reason.OK,
    (Step.GREETING, 4): Reason.BUSY,
    (Step.GREETING, 5): Reason.REJECTED,
}
_EHLO: Final[Table] = {
    **_BANNER,
    (Step.GREETING, 220): Step.EHLO,
    (Step.EHLO, 250): Reason.OK,
    (Step.EHLO, 4): Reason.BUSY,
    (Step.EHLO, 5): Step.HELO,
    (Step.HELO, 250): Reason.OK,
    (Step.HELO, 4): Reason.BUSY,
    (Step.HELO, 5): Reason.REJECTED,
}
_STARTTLS: Final[Table] = {
    **_EHLO,
    (Step.EHLO, 250): Step.STARTTLS,
    (Step.HELO, 250): Step.STARTTLS,
    (Step.STARTTLS, 220): Step.HANDSHAKE,
    # Whoever closes says so of itself and not of TLS.
    (Step.STARTTLS, 421): Reason.BUSY,
    (Step.STARTTLS, 4): Reason.TLS,
    (Step.STARTTLS, 5): Reason.TLS,
    (Step.EHLO_AGAIN, 250): Reason.OK,
    (Step.EHLO_AGAIN, 4): Reason.BUSY,
    (Step.EHLO_AGAIN, 5): Reason.REJECTED,
}
_RCPT: Final[Table] = {
    **_EHLO,
    (Step.EHLO, 250): Step.MAIL,
    (Step.HELO, 250): Step.MAIL,
    (Step.MAIL, 250): Step.RCPT,
    (Step.MAIL, 4): Reason.BUSY,
    (Step.MAIL, 5): Reason.REJECTED,
    (Step.RCPT, 250): Reason.OK,
    (Step.RCPT, 251): Reason.OK,
    (Step.RCPT, 4): Reason.BUSY,
    (Step.RCPT, 5): Reason.REJECTED,
}
TABLES: Final[Mapping[Check, Table]] = MappingProxyType(
    {Check.BANNER: _BANNER, Check.EHLO: _EHLO, Check.STARTTLS: _STARTTLS, Check.RCPT: _RCPT}
)
