"""Names between text and wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrdns import names
from rrdns.names import ROOT, from_text, is_below, prefix_to_text, suffix_offsets, to_text

ORIGIN = b"\7example\3com\0"
LABEL = st.binary(min_size=1, max_size=63).map(bytes.lower)
NAME = (
    st.lists(LABEL, max_size=6)
    .filter(lambda labels: sum(map(len, labels)) + len(labels) < 255)
    .map(lambda labels: b"".join(bytes([len(label)]) + label for label in labels) + ROOT)
)
LONGEST = ".".join(["a" * 63] * 3 + ["b" * 61])


@pytest.mark.parametrize(
    ("text", "origin", "wire"),
    [
        (".", None, ROOT),
        (".", ORIGIN, ROOT),
        ("", ORIGIN, ORIGIN),
        ("@", ORIGIN, ORIGIN),
        ("\\@", ORIGIN, b"\1@" + ORIGIN),
        ("www", ORIGIN, b"\3www" + ORIGIN),
        ("www", None, b"\3www\0"),
        ("www.", ORIGIN, b"\3www\0"),
        ("WWW.Example.COM.", None, b"\3www" + ORIGIN),
        ("a\\.b", None, b"\3a.b\0"),
        ("a\\046B", None, b"\3a.b" b"\0"),
        ("\\000\\255", None, b"\2\0\xff\0"),
        ("\\\\", None, b"\1\\\0"),
        ("*._tcp", ORIGIN, b"\1*\4_tcp" + ORIGIN),
        ("www", b"", b"\3www"),
        (LONGEST, None, (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"b" * 61 + ROOT),
        (".".join("a" * 127), None, b"\1a" * 127 + ROOT),
    ],
)  # fmt: skip
def test_text_to_wire(text: str, origin: bytes | None, wire: bytes) -> None:
    assert from_text(text, origin) == wire


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the name is empty"),
        ("@", "the name is empty"),
        (".a", "'.a' has an empty label"),
        ("a..b", "'a..b' has an empty label"),
        ("a..", "'a..' has an empty label"),
        ("..", "'..' has an empty label"),
        ("a" * 64, "has a label longer than 63 octets"),
        (LONGEST + "b", "is longer than 255 octets"),
        ("a b", "has a character that a name cannot have: ' '"),
        ("a\tb", "has a character that a name cannot have: '\\\\t'"),
        ("bücher", "has a character that a name cannot have: 'ü'"),
        ("a\\256", "has an escape over"),
        ("a\\", "has an unfinished escape"),
        ("a\\1", "has an unfinished escape"),
        ("a\\12x", "has an unfinished escape"),
        ("a\\ü", "has an unfinished escape"),
    ],
)
def test_what_is_no_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", "\\(")):
        from_text(text)


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (ROOT, "."),
        (ORIGIN, "example.com."),
        (b"\x02\xff\x00\x00", "\\255\\000."),
        (b"\x06a.b\\;@\x00", "a\\.b\\\\\\;\\@."),
        (b"\x07*_-/+09\x00", "*_-/+09."),
        (b"\x03 !~\x00", "\\032\\!\\~."),
        (b"\x01\x7f\x00", "\\127."),
    ],
)
def test_wire_to_text(wire: bytes, text: str) -> None:
    assert to_text(wire) == text
    assert from_text(text) == wire


@given(NAME)
def test_text_and_back(wire: bytes) -> None:
    assert from_text(to_text(wire)) == wire


@pytest.mark.parametrize(("prefix", "text"), [(b"", ""), (b"\3www", "www"), (b"\1a\1b", "a.b")])
def test_prefixes(prefix: bytes, text: str) -> None:
    assert prefix_to_text(prefix) == text


def test_labels_and_suffixes() -> None:
    name = b"\3www" + ORIGIN
    assert names.labels(name) == [b"www", b"example", b"com"]
    assert names.labels(b"\3www") == [b"www"]
    assert names.labels(ROOT) == names.labels(b"") == []
    assert [name[offset:] for offset in suffix_offsets(name)] == [name, ORIGIN, b"\3com\0", ROOT]
    assert list(suffix_offsets(ROOT)) == [0]


@pytest.mark.parametrize(
    ("name", "ancestor", "below"),
    [
        (ORIGIN, ORIGIN, True),
        (b"\3www" + ORIGIN, ORIGIN, True),
        (ORIGIN, ROOT, True),
        (ROOT, ORIGIN, False),
        (b"\3com\0", ORIGIN, False),
        (b"\7example\3net\0", ORIGIN, False),
        # The octets end alike, but within a label.
        (b"\x0dx" + b"\7example\3com\0", ORIGIN, False),
    ],
)
def test_below(name: bytes, ancestor: bytes, below: bool) -> None:
    assert is_below(name, ancestor) is below
