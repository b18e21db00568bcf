"""Numbers and mnemonics of resource-record types and RCODEs (IANA's DNS parameters)."""

from typing import Final

TYPE_NUMBERS: Final = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16,
    "RP": 17, "AFSDB": 18, "KEY": 25, "AAAA": 28, "LOC": 29, "SRV": 33, "NAPTR": 35, "CERT": 37,
    "DNAME": 39, "OPT": 41, "APL": 42, "DS": 43, "SSHFP": 44, "RRSIG": 46, "NSEC": 47,
    "DNSKEY": 48, "NSEC3": 50, "NSEC3PARAM": 51, "TLSA": 52, "SMIMEA": 53, "CDS": 59,
    "CDNSKEY": 60, "OPENPGPKEY": 61, "CSYNC": 62, "ZONEMD": 63, "SVCB": 64, "HTTPS": 65,
    "SPF": 99, "EUI48": 108, "EUI64": 109, "TKEY": 249, "TSIG": 250, "IXFR": 251, "AXFR": 252,
    "MAILB": 253, "MAILA": 254, "ANY": 255, "URI": 256, "CAA": 257,
}  # fmt: skip
TYPE_MNEMONICS: Final = {number: mnemonic for mnemonic, number in TYPE_NUMBERS.items()}

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
PTR: Final = 12
MX: Final = 15
TXT: Final = 16
AAAA: Final = 28
DNAME: Final = 39
OPT: Final = 41
DS: Final = 43
RRSIG: Final = 46
TKEY: Final = 249
TSIG: Final = 250
IXFR: Final = 251
AXFR: Final = 252
MAILB: Final = 253
MAILA: Final = 254
ANY: Final = 255

CLASS_IN: Final = 1
CLASS_CH: Final = 3

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
YXDOMAIN: Final = 6
BADVERS: Final = 16

RCODE_MNEMONICS: Final = {
    NOERROR: "NOERROR", FORMERR: "FORMERR", SERVFAIL: "SERVFAIL", NXDOMAIN: "NXDOMAIN",
    NOTIMP: "NOTIMP", REFUSED: "REFUSED",
    YXDOMAIN: "YXDOMAIN", BADVERS: "BADVERS",
}  # fmt: skip


def type_label(number: int) -> str:
    """Return the mnemonic of a type, or ``other`` where we have none (bounded, for metrics)."""
    return TYPE_MNEMONICS.get(number, "other")


def type_text(number: int) -> str:
    """Return the mnemonic of a type, or its generic form ``TYPE65280`` (RFC 3597, section 5)."""
    return TYPE_MNEMONICS.get(number) or f"TYPE{number}"


def type_number(text: str) -> int:
    """Return the number of a type's mnemonic or generic form, in any case.

    Raises ValueError for anything else.
    """
    upper = text.upper()
    if upper in TYPE_NUMBERS:
        return TYPE_NUMBERS[upper]
    digits = upper.removeprefix("TYPE")
    if digits != upper and digits.isascii() and digits.isdigit() and int(digits) <= 0xFFFF:
        return int(digits)
    raise ValueError(f"{text!r} is not a record type")
