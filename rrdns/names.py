"""Domain names between text and wire (RFC 1035, sections 3.1 and 5.1; RFC 4343).

Inside rrdns a name is `bytes`: uncompressed wire format, ASCII letters lowercase, with the root
label at its end. A prefix is the same without the root label: the labels of an owner name that
stand before its zone's apex (`b""` is the apex itself).
"""

from collections.abc import Iterator

Name = bytes
Prefix = bytes

ROOT: Name = b"\x00"
MAX_NAME_OCTETS = 255
MAX_LABEL_OCTETS = 63
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*/+")


def from_text(text: str, origin: Name | None = None) -> Name:
    r"""Return the wire form of a name in presentation format (``\.`` and ``\DDD`` understood).

    A name that does not end in a dot is relative to `origin`, or absolute where there is none;
    ``""`` and ``@`` are the origin. Raises ValueError for what is no domain name.
    """
    if text == ".":
        return ROOT
    if text in ("", "@"):
        if origin is None:
            raise ValueError("the name is empty")
        return origin
    labels, absolute = _split(text)
    wire = b"".join(bytes([len(label)]) + label for label in labels).lower()
    wire += ROOT if absolute or origin is None else origin
    if len(wire) > MAX_NAME_OCTETS:
        raise ValueError(f"{text!r} is longer than {MAX_NAME_OCTETS} octets")
    return wire


def _split(text: str) -> tuple[list[bytes], bool]:
    labels: list[bytes] = []
    label = bytearray()
    index = 0
    ended = False
    while index < len(text):
        char = text[index]
        index += 1
        ended = False
        if char == ".":
            labels.append(_checked(label, text))
            label = bytearray()
            ended = True
        elif char == "\\":
            octet, index = _escape(text, index)
            label.append(octet)
        elif char.isascii() and char.isprintable() and char != " ":
            label.append(ord(char))
        else:
            raise ValueError(f"{text!r} has a character that a name cannot have: {char!r}")
    if not ended:
        labels.append(_checked(label, text))
    return labels, ended


def _escape(text: str, index: int) -> tuple[int, int]:
    digits = text[index : index + 3]
    if len(digits) == 3 and digits.isascii() and digits.isdigit():
        if int(digits) > 255:
            raise ValueError(f"{text!r} has an escape over \\255")
        return int(digits), index + 3
    if not digits or digits[0].isdigit() or not digits[0].isascii():
        raise ValueError(f"{text!r} has an unfinished escape")
    return ord(digits[0]), index + 1


def _checked(label: bytearray, text: str) -> bytes:
    if not label:
        raise ValueError(f"{text!r} has an empty label")
    if len(label) > MAX_LABEL_OCTETS:
        raise ValueError(f"{text!r} has a label longer than {MAX_LABEL_OCTETS} octets")
    return bytes(label)


def to_text(name: Name) -> str:
    """Return a name in presentation format with its final dot; odd octets are escaped."""
    if name == ROOT:
        return "."
    return "".join(_label_text(label) + "." for label in labels(name))


def prefix_to_text(prefix: Prefix) -> str:
    """Return a prefix in presentation format, as a configuration writes it (``""``: apex)."""
    return to_text(prefix + ROOT).removesuffix(".") if prefix else ""


def _label_text(label: bytes) -> str:
    return "".join(
        chr(octet)
        if octet in _PLAIN
        else "\\" + chr(octet)
        if 0x21 <= octet <= 0x7E
        else f"\\{octet:03d}"
        for octet in label
    )


def labels(name: Name) -> list[bytes]:
    """Return the labels of a name, leftmost first, without the root label."""
    found = []
    index = 0
    while index < len(name) and name[index]:
        found.append(name[index + 1 : index + 1 + name[index]])
        index += 1 + name[index]
    return found


def suffix_offsets(name: Name) -> Iterator[int]:
    """Yield the offsets at which `name` and each of its ancestors start, the root's last."""
    index = 0
    while name[index]:
        yield index
        index += 1 + name[index]
    yield index


def is_below(name: Name, ancestor: Name) -> bool:
    """Tell whether `name` is `ancestor` or below it; both are wire names."""
    cut = len(name) - len(ancestor)
    return cut >= 0 and name[cut:] == ancestor and cut in set(suffix_offsets(name))
