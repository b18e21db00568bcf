"""Class CH: what a server tells of itself (RFC 4892), and the states of its nodes."""

from rrdns.dns.message import Record, Reply
from rrdns.dns.options import Asker
from rrdns.model import Choice, Snapshot
from rrdns.names import Name, from_text
from rrdns.rrtypes import ANY, CLASS_CH, NOERROR, REFUSED, TXT

_MAX_STRING_OCTETS = 255
_IDENTITY_NAMES = frozenset(map(from_text, ("id.server", "hostname.bind")))
_VERSION_NAMES = frozenset(map(from_text, ("version.server", "version.bind")))
_STATUS_NAME = from_text("status.rrdns")


def chaos(name: Name, rrtype: int, snapshot: Snapshot, asker: Asker) -> Reply:
    """Return the reply to a query of class CH; what is not configured to be told is refused."""
    texts = _texts(name, snapshot, asker)
    if texts is None:
        return Reply(REFUSED)
    if rrtype not in (TXT, ANY):
        return Reply(NOERROR, authoritative=True)
    records = tuple(
        Record(name, TXT, 0, _character_strings(text), rrclass=CLASS_CH) for text in texts
    )
    return Reply(NOERROR, authoritative=True, answer=records)


def _texts(name: Name, snapshot: Snapshot, asker: Asker) -> list[bytes] | None:
    if name in _IDENTITY_NAMES and snapshot.identity is not None:
        return [snapshot.identity]
    if name in _VERSION_NAMES and snapshot.version is not None:
        return [snapshot.version]
    if name == _STATUS_NAME and _is_loopback(asker.client):
        return _states(snapshot)
    return None


def _states(snapshot: Snapshot) -> list[bytes]:
    """Return a line for each node, role and address that a host uses, once."""
    lines = dict.fromkeys(
        _state(choice)
        for answer in snapshot.answers.values()
        for choice in answer.selection.choices
    )
    return [line.encode() for line in lines]


def _state(choice: Choice) -> str:
    member, override = choice.member, choice.override
    line = f"{member.node}/{member.role} {member.target.address} {choice.health}"
    if override is None:
        return line
    until = "" if override.until is None else f" until={override.until:.0f}"
    reason = f" reason={override.reason}" if override.reason else ""
    return f"{line} override{until}{reason}"


def _is_loopback(client: bytes) -> bool:
    return client[0] == 127 if len(client) == 4 else client == bytes(15) + b"\1"


def _character_strings(text: bytes) -> bytes:
    chunks = [
        text[start : start + _MAX_STRING_OCTETS]
        for start in range(0, len(text), _MAX_STRING_OCTETS)
    ]
    return b"".join(bytes([len(chunk)]) + chunk for chunk in chunks or [b""])
