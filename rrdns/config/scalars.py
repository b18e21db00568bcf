"""What a single value may be: each function returns a reader of scalars for the schema.

A reader takes what stands in the file and returns the value, or raises ValueError with words that
tell what is wanted there.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from rrdns.config.document import Broken, Scalar, Tree
from rrdns.model import MinHealthy
from rrdns.settings import Endpoint

Reader = Callable[[Tree], Any]

_DECIMAL = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,18})")
_DURATION = re.compile(r"((?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,6})?)(ms|s|m|h|d)?")
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PERCENT = re.compile(r"(0|[1-9][0-9]{0,2})%")
_ENDPOINT = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*)):([0-9]{1,5})")
_WORD = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")

DAY_SECONDS = 86400
MAX_TTL_SECONDS = 2**31 - 1


def _wanted(what: str, value: Tree) -> ValueError:
    if isinstance(value, Broken):
        return ValueError("")
    if value is None:
        return ValueError(f"must be {what}; it is empty")
    if isinstance(value, Scalar):
        return ValueError(f"must be {what}, not {shown(value.text)}")
    found = "mapping" if isinstance(value, dict) else "list"
    return ValueError(f"must be {what}, not a {found}")


def shown(text: str) -> str:
    """Return a value as a message quotes it: short, on one line."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def text(value: Tree) -> str:
    """Read text; what YAML takes for a number is text too, but not what it takes for a boolean."""
    if not isinstance(value, Scalar):
        raise _wanted("text", value)
    if value.kind == "bool":
        raise ValueError(
            f"must be text, and YAML reads {value.text} as true or false: put it in quotes"
        )
    return value.text


def bounded_text(octets: int) -> Reader:
    """Return a reader of text of 1 to `octets` octets of UTF-8."""

    def read(value: Tree) -> str:
        found = text(value)
        if not 1 <= len(found.encode()) <= octets:
            raise ValueError(f"must be text of 1 to {octets} octets")
        return found

    return read


def file_path(value: Tree) -> str:
    """Read the path of a file or directory."""
    found = text(value)
    if not found or "\0" in found:
        raise ValueError("must be the path of a file; it is empty or has a NUL in it")
    return found


def word(value: Tree) -> str:
    """Read a name of our own: letters, digits, ``.``, ``_``, ``-``."""
    found = text(value)
    if not is_word(found):
        raise ValueError(f"{shown(found)} is no name: use letters, digits, '.', '_' and '-'")
    return found


def is_word(found: str) -> bool:
    """Tell whether text can name a node, role, pool or profile."""
    return bool(_WORD.fullmatch(found))


def choice(*words: str) -> Reader:
    """Return a reader of one of some words."""
    listed = ", ".join(words[:-1]) + f" or {words[-1]}"

    def read(value: Tree) -> str:
        if not isinstance(value, Scalar) or value.text not in words:
            raise _wanted(listed, value)
        return value.text

    return read


def boolean(value: Tree) -> bool:
    """Read true or false."""
    if not isinstance(value, Scalar) or value.kind != "bool":
        raise _wanted("true or false", value)
    return value.text.lower() in ("true", "yes", "on")


def whole_number(low: int, high: int) -> Reader:
    """Return a reader of decimal whole numbers from `low` to `high`."""
    wanted = f"a whole number from {low} to {high}"

    def read(value: Tree) -> int:
        if not isinstance(value, Scalar):
            raise _wanted(wanted, value)
        if value.kind == "int" and not _DECIMAL.fullmatch(value.text):
            raise ValueError(
                f"must be {wanted} in plain decimal digits: YAML reads {value.text} differently"
            )
        if value.kind == "str" and _DECIMAL.fullmatch(value.text):
            raise ValueError(f"must be {wanted}: take {value.text} out of its quotes")
        if value.kind != "int" or not low <= int(value.text) <= high:
            raise _wanted(wanted, value)
        return int(value.text)

    return read


def one_of(word_: str, otherwise: Reader) -> Reader:
    """Return a reader that gives None for one word, and leaves the rest to another reader."""

    def read(value: Tree) -> Any:
        if isinstance(value, Scalar) and value.text == word_:
            return None
        try:
            return otherwise(value)
        except ValueError as error:
            raise ValueError(str(error).replace("must be ", f"must be {word_} or ", 1)) from None

    return read


def duration(low: float, high: float) -> Reader:
    """Return a reader of durations in seconds, from `low` to `high`."""

    def read(value: Tree) -> float:
        seconds = _seconds(value)
        if not low <= seconds <= high:
            raise ValueError(
                f"must be from {duration_text(low)} to {duration_text(high)}, not {value.text}"
            )
        return seconds

    return read


def whole_seconds(low: int, high: int) -> Reader:
    """Return a reader of durations that DNS counts in whole seconds."""

    def read(value: Tree) -> int:
        seconds = _seconds(value)
        if seconds != int(seconds):
            raise ValueError(f"must be whole seconds, not {value.text}")
        if not low <= seconds <= high:
            raise ValueError(f"must be from {low} to {high} seconds, not {value.text}")
        return int(seconds)

    return read


def _seconds(value: Tree) -> float:
    wanted = "a duration such as 500ms, 5s, 2m, 1h or 1d (a bare number is seconds)"
    match = _DURATION.fullmatch(value.text) if isinstance(value, Scalar) else None
    if match is None:
        raise _wanted(wanted, value)
    # Rounded, because 0.001 is no binary fraction and 300ms shall equal 0.3s.
    return round(float(match[1]) * _UNIT_SECONDS[match[2] or "s"], 9)


def duration_text(seconds: float) -> str:
    """Return seconds as a configuration writes them, in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds * 1000:g}ms"


def min_healthy(value: Tree) -> MinHealthy:
    """Read a count of addresses, or a percentage."""
    if isinstance(value, Scalar):
        percent = _PERCENT.fullmatch(value.text)
        if percent and int(percent[1]) <= 100:
            return MinHealthy(int(percent[1]), percent=True)
        if value.kind == "int" and _DECIMAL.fullmatch(value.text) and 0 <= int(value.text) <= 1000:
            return MinHealthy(int(value.text))
    raise _wanted("a number of addresses (0 to 1000) or a percentage (0% to 100%)", value)


def address(value: Tree) -> str:
    """Read the address of one machine, IPv4 or IPv6; returns canonical text."""
    return checked_address(_scalar("an IP address", value))


def checked_address(found: str) -> str:
    """Return the canonical text of a unicast address; raises ValueError for anything else."""
    parsed = any_address(found)
    if parsed.is_unspecified or parsed.is_multicast or str(parsed) == "255.255.255.255":
        raise ValueError(f"{found} is not the address of one machine")
    return str(parsed)


def any_address(found: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Parse an address that a socket can have, without a zone index."""
    try:
        parsed = ipaddress.ip_address(found)
    except ValueError:
        raise ValueError(f"{shown(found)} is not an IP address") from None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            raise ValueError(f"{found} is an IPv4 address in disguise: write {parsed.ipv4_mapped}")
        if parsed.scope_id:
            raise ValueError(f"{found} has a zone index, which is not supported: remove it")
    return parsed


def _scalar(wanted: str, value: Tree) -> str:
    if not isinstance(value, Scalar):
        raise _wanted(wanted, value)
    return value.text


def source_address(version: int) -> Reader:
    """Return a reader of an address of one family."""

    def read(value: Tree) -> str:
        found = address(value)
        if ipaddress.ip_address(found).version != version:
            raise ValueError(f"must be an IPv{version} address, not {found}")
        return found

    return read


def network(value: Tree) -> str:
    """Read a network such as 192.0.2.0/24; returns canonical text."""
    found = _scalar("a network such as 192.0.2.0/24", value)
    try:
        return str(ipaddress.ip_network(found))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(found, strict=False)
    except ValueError:
        raise ValueError(f"{shown(found)} is not a network such as 192.0.2.0/24") from None
    raise ValueError(f"{found} has bits set after its prefix: write {meant}")


def endpoint(value: Tree) -> Endpoint:
    """Read ``ADDRESS:PORT`` or ``[ADDRESS]:PORT``."""
    found = _scalar('an address and port such as "192.0.2.53:53" or "[2001:db8::53]:53"', value)
    match = _ENDPOINT.fullmatch(found)
    if match is None:
        raise ValueError(
            f'{shown(found)} is not an address and port such as "192.0.2.53:53"'
            ' or "[2001:db8::53]:53"'
        )
    parsed = any_address(match[1] if match[2] is None else match[2])
    if (match[2] is None) != (parsed.version == 6):
        raise ValueError(f"{shown(found)}: brackets belong around an IPv6 address, and only there")
    if parsed.is_multicast:
        raise ValueError(f"{found}: a multicast address cannot be listened on")
    if not 1 <= int(match[3]) <= 65535:
        raise ValueError(f"the port must be from 1 to 65535, not {match[3]}")
    return Endpoint(str(parsed), int(match[3]))
