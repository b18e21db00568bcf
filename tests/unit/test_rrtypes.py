"""Types and their mnemonics, beside dnspython's."""

import dns.rdatatype
import pytest

from rrdns.rrtypes import TYPE_NUMBERS, type_label, type_number, type_text


@pytest.mark.parametrize(("mnemonic", "number"), TYPE_NUMBERS.items())
def test_the_numbers_are_ianas(mnemonic: str, number: int) -> None:
    assert dns.rdatatype.from_text(mnemonic) == number
    assert type_number(mnemonic) == type_number(mnemonic.lower()) == number
    assert type_text(number) == type_label(number) == mnemonic


@pytest.mark.parametrize("number", [0, 9999, 65280, 65535])
def test_types_without_a_mnemonic(number: int) -> None:
    assert type_text(number) == f"TYPE{number}"
    assert type_number(f"type{number}") == number
    assert type_label(number) == "other"


def test_the_generic_form_of_a_known_type() -> None:
    assert type_number("TYPE15") == 15


@pytest.mark.parametrize(
    "text", ["", "TYPE", "TYPE65536", "TYPE-1", "TYPE1x", "15", "NOPE", "TYPE²"]
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text!r} is not a record type"):
        type_number(text)
