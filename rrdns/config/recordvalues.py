"""One value of a static record, in octoDNS's shape, to presentation format (RFC 1035, section 5.1).

octoDNS writes the fields of some types as a mapping and everything else as text. Names in the
values follow the configuration's rule: without a dot relative to the zone, with one absolute.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from rrdns.config.document import Scalar, Tree
from rrdns.config.hostnames import check_hostname, from_value
from rrdns.config.scalars import any_address, shown, text, whole_number
from rrdns.names import ROOT, Name, to_text

_MX = re.compile(r"(?:0|[1-9][0-9]{0,4}) \S+")
_GENERIC = re.compile(r"\\# [0-9]+( [0-9A-Fa-f]+)*")  # RFC 3597, section 5
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
_BARE = re.compile(r'[^\s;()"]+')
_CHUNK_OCTETS = 255
_PREFERENCE = whole_number(0, 0xFFFF)

Apex = Name | None


def exchange(found: str, apex: Apex) -> Name:
    """Return the name of an MX exchange; ``.`` is that of a null MX (RFC 7505).

    Raises ValueError for an address (RFC 5321, section 5.1) and for what is no host name.
    """
    try:
        ipaddress.ip_address(found.strip("[]").removesuffix("."))
    except ValueError:
        pass
    else:
        raise ValueError(f"an MX must name a host, not the address {found}")
    name = from_value(found, apex)
    return name if name == ROOT else check_hostname(name)


def quoted(octets: bytes) -> str:
    """Return a character-string in quotes, with odd octets escaped."""
    return '"' + "".join(
        f"\\{octet:03d}"
        if not 0x20 <= octet < 0x7F
        else "\\" + chr(octet)
        if octet in b'"\\'
        else chr(octet)
        for octet in octets
    ) + '"'  # fmt: skip


def _bare(value: Tree, _apex: Apex) -> str:
    found = text(value)
    if not _BARE.fullmatch(found):
        raise ValueError(f"{shown(found)} cannot stand here")
    return found


def _name(value: Tree, apex: Apex) -> str:
    return to_text(from_value(text(value), apex))


def _exchange(value: Tree, apex: Apex) -> str:
    return to_text(exchange(text(value), apex))


def _ipv4(value: Tree, _apex: Apex) -> str:
    return _of_version(4, text(value))


def _ipv6(value: Tree, _apex: Apex) -> str:
    return _of_version(6, text(value))


def _of_version(version: int, found: str) -> str:
    if found.startswith("\\#"):
        return found
    parsed = any_address(found)
    if parsed.version != version:
        raise ValueError(f"{found} is not an IPv{version} address")
    return str(parsed)


def _preference(value: Tree, _apex: Apex) -> str:
    return str(_PREFERENCE(value))


def _quoted(value: Tree, _apex: Apex) -> str:
    return quoted(text(value).encode())


def _metres(value: Tree, apex: Apex) -> str:
    return _bare(value, apex).removesuffix("m") + "m"


def _parameters(value: Tree, apex: Apex) -> str:
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of parameters, such as {alpn: [h2]}")
    done = []
    for key, parameter in value.items():
        name = _bare(Scalar(key, "str"), apex)
        if parameter is None:
            done.append(name)
        else:
            items = parameter if isinstance(parameter, list) else [parameter]
            done.append(f"{name}={quoted(','.join(text(item) for item in items).encode())}")
    return " ".join(done)


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: the keys it may have (the first is octoDNS's), how it is read, its default."""

    keys: tuple[str, ...]
    read: Callable[[Tree, Apex], str] = _bare
    default: str | None = None


def _fields(*keys: str) -> tuple[_Field, ...]:
    return tuple(_Field((key,)) for key in keys)


_SERVICE = (
    _Field(("svcpriority", "priority")),
    _Field(("targetname", "target"), _name),
    _Field(("svcparams", "params"), _parameters, ""),
)
_SHAPES: dict[str, tuple[_Field, ...]] = {
    "MX": (
        _Field(("preference", "priority"), _preference),
        _Field(("exchange", "value"), _exchange),
    ),
    "SRV": (*_fields("priority", "weight", "port"), _Field(("target",), _name)),
    "CAA": (_Field(("flags",), default="0"), _Field(("tag",)), _Field(("value",), _quoted)),
    "NAPTR": (
        *_fields("order", "preference"),
        *(_Field((key,), _quoted) for key in ("flags", "service", "regexp")),
        _Field(("replacement",), _name),
    ),
    "SSHFP": _fields("algorithm", "fingerprint_type", "fingerprint"),
    "TLSA": _fields(
        "certificate_usage", "selector", "matching_type", "certificate_association_data"
    ),
    "DS": _fields("key_tag", "algorithm", "digest_type", "digest"),
    "URI": (*_fields("priority", "weight"), _Field(("target",), _quoted)),
    "SVCB": _SERVICE,
    "HTTPS": _SERVICE,
    "LOC": (
        *_fields("lat_degrees", "lat_minutes", "lat_seconds", "lat_direction"),
        *_fields("long_degrees", "long_minutes", "long_seconds", "long_direction"),
        _Field(("altitude",), _metres),
        _Field(("size",), _metres, "1m"),
        _Field(("precision_horz",), _metres, "10000m"),
        _Field(("precision_vert",), _metres, "10m"),
    ),
}
_ADDRESSES = {"A": _ipv4, "AAAA": _ipv6}
# Which words of a value in presentation format are names.
_NAMES_AT: dict[str, dict[int, Callable[[Tree, Apex], str]]] = {
    **{rrtype: {0: _name} for rrtype in ("NS", "CNAME", "PTR", "DNAME")},
    "MX": {1: _exchange},
    "SRV": {3: _name},
    "NAPTR": {5: _name},
    "AFSDB": {1: _name},
    "RP": {0: _name, 1: _name},
    "SVCB": {1: _name},
    "HTTPS": {1: _name},
}


def presentation(mnemonic: str, value: Tree, apex: Apex) -> str:
    """Return a value in presentation format with absolute names.

    `apex` is None in a profile. Raises ValueError with words for an operator.
    """
    if isinstance(value, dict):
        return _of_mapping(mnemonic, value, apex)
    found = text(value)
    if mnemonic in ("TXT", "SPF"):
        return _of_text(found)
    if mnemonic in _ADDRESSES:
        return _ADDRESSES[mnemonic](value, apex)
    names = _NAMES_AT.get(mnemonic)
    if names is None or found.startswith("\\#"):
        return found
    words = _TOKEN.findall(found)
    if mnemonic == "MX" and (not _MX.fullmatch(" ".join(words)) or int(words[0]) > 0xFFFF):
        raise ValueError(f"{shown(found)} is no preference and host, such as '10 mx1.example.com.'")
    for index, read in names.items():
        if index < len(words):
            words[index] = read(Scalar(words[index], "str"), apex)
    return " ".join(words)


def _of_mapping(mnemonic: str, value: dict[str, Tree], apex: Apex) -> str:
    if mnemonic not in _SHAPES:
        raise ValueError(f"the value of {mnemonic} must be text, not a mapping")
    fields = _SHAPES[mnemonic]
    known = [key for field in fields for key in field.keys]
    for key in value:
        if key not in known:
            raise ValueError(
                f"unknown key {key}: {mnemonic} has {', '.join(field.keys[0] for field in fields)}"
            )
    done = []
    for field in fields:
        present = [key for key in field.keys if key in value]
        if len(present) > 1:
            raise ValueError(f"{' and '.join(present)} mean the same: remove one")
        if not present and field.default is None:
            raise ValueError(f"{field.keys[0]} is missing: {mnemonic} needs it")
        try:
            done.append(field.read(value[present[0]], apex) if present else field.default or "")
        except ValueError as error:
            raise ValueError(f"{present[0]}: {error}") from None
    return " ".join(done).strip()


def _of_text(found: str) -> str:
    if _GENERIC.fullmatch(found):
        return found
    if len(found) > 1 and found.startswith('"') and found.endswith('"'):
        # octoDNS takes the chunks of a long text, too.
        found = found[1:-1].replace('" "', "")
    octets = found.replace("\\;", ";").encode()
    return " ".join(
        quoted(octets[start : start + _CHUNK_OCTETS])
        for start in range(0, max(len(octets), 1), _CHUNK_OCTETS)
    )
