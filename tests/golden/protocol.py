"""The cases about how it is asked: headers, questions, OPT, classes, types, rubbish."""

from golden.answers import NEGATIVE
from golden.case import RD, Case, ask, lines, opt, packet, question

_DO = 0x8000
_MX4 = ("mx4.example.com.", "A")
_MX4_ANSWER = lines("mx4.example.com. 30 A 203.0.113.10")
_COOKIE = 10
_MEDIUM = ("medium.example.com.", "TXT")


def _fine(name: str, sent: bytes, *, edns: bool = False, flags: int = 0, hit: bool = True) -> Case:
    return Case(name, sent, answer=_MX4_ANSWER, opt=(flags, None) if edns else None, hit=hit)


def _error(
    name: str, sent: bytes, rcode: str, *, question: bool = True, edns: bool = False
) -> Case:
    return Case(
        name, sent, rcode, aa=False, question=question, opt=(0, None) if edns else None, hit=False
    )


def _opcode(number: int) -> int:
    return number << 11


_QUESTION = question(*_MX4)
_SILENCE = tuple(
    Case(name, sent, None, hit=False)
    for name, sent in (
        ("an empty packet", b""),
        ("eleven octets", ask(*_MX4)[:11]),
        ("a response", ask(*_MX4, flags=0x8000)),
        ("a response with an error in it", packet(b"\xff", flags=0x8000)),
        ("a response of opcode NOTIFY", ask(*_MX4, flags=0x8000 | _opcode(4))),
    )
)

_HEADERS = (
    _fine("RD is copied", ask(*_MX4, flags=RD)),
    _fine("AA in a query means nothing", ask(*_MX4, flags=0x0400)),
    _fine("TC in a query means nothing", ask(*_MX4, flags=0x0200)),
    _fine("RA is not copied", ask(*_MX4, flags=0x0080)),
    _fine("Z is not copied", ask(*_MX4, flags=0x0040)),
    _fine("AD is not copied", ask(*_MX4, flags=0x0020)),
    _fine("CD is not copied", ask(*_MX4, flags=0x0010)),
    _fine("an RCODE in a query means nothing", ask(*_MX4, flags=0x0005)),
    _fine("all flags but QR", ask(*_MX4, flags=0x07FF)),
    *(_error(f"opcode {number}", ask(*_MX4, flags=_opcode(number)), "NOTIMP")
      for number in (1, 2, 3, 6, 15)),
    _error("NOTIFY", ask("example.com.", "SOA", flags=_opcode(4) | RD), "REFUSED"),
    _error("UPDATE", ask("example.com.", "SOA", flags=_opcode(5)), "REFUSED"),
    _error("NOTIFY with EDNS", ask("example.com.", "SOA", flags=_opcode(4), edns=opt()),
           "REFUSED", edns=True),
    _error("STATUS without a question", packet(b"", flags=_opcode(2), counts=(0, 0, 0, 0)),
           "NOTIMP", question=False),
    _error("the opcode comes before the question",
           packet(b"\xff", flags=_opcode(2)), "NOTIMP", question=False),
    _error("the opcode comes before the version",
           ask(*_MX4, flags=_opcode(2), edns=opt(version=1)), "NOTIMP", edns=True),
)  # fmt: skip

_QUESTIONS = (
    _error("no question", packet(b"", counts=(0, 0, 0, 0)), "FORMERR", question=False),
    _error("no question, RD", packet(b"", flags=RD, counts=(0, 0, 0, 0)), "FORMERR",
           question=False),
    _error("no question with EDNS", packet(opt(), counts=(0, 0, 0, 1)), "FORMERR",
           question=False, edns=True),
    _error("two questions", packet(_QUESTION * 2, counts=(2, 0, 0, 0)), "FORMERR", question=False),
    _error("two questions with EDNS", packet(_QUESTION * 2 + opt(), counts=(2, 0, 0, 1)),
           "FORMERR", question=False, edns=True),
    _error("a question that is not there", packet(b""), "FORMERR", question=False),
    _error("a name cut off", packet(_QUESTION[:7]), "FORMERR", question=False),
    _error("a name without its end", packet(_QUESTION[:17]), "FORMERR", question=False),
    _error("no class", packet(_QUESTION[:-2]), "FORMERR", question=False),
    _error("half a class", packet(_QUESTION[:-1]), "FORMERR", question=False),
    _error("a pointer in the question", packet(b"\xc0\x0c\0\1\0\1"), "FORMERR", question=False),
    _error("a label of 64 octets", packet(b"\x40" + b"a" * 64 + b"\0\0\1\0\1"), "FORMERR",
           question=False),
    _error("a name of 256 octets",
           packet((b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0\0\1\0\1"), "FORMERR",
           question=False),
    Case("a name of 255 octets",
         packet((b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0\0\1\0\1"), "REFUSED",
         aa=False),
    Case("127 labels", packet(b"\1a" * 127 + b"\0\0\1\0\1"), "REFUSED", aa=False),
    Case("a zero within a label", packet(b"\3a\0b\4test\0\0\1\0\1"), "REFUSED", aa=False,
         hit=False),
    _error("trailing octets", ask(*_MX4) + b"\0", "FORMERR"),
    _error("trailing octets after an OPT", ask(*_MX4, edns=opt()) + b"xyz", "FORMERR", edns=True),
    _error("a record that is not there", packet(_QUESTION, counts=(1, 1, 0, 0)), "FORMERR"),
    _error("a record cut off", packet(_QUESTION + b"\0\0\1\0\1\0\0\0\0\0\4abc",
                                      counts=(1, 0, 0, 1)), "FORMERR"),
    _fine("a record in the answer section",
          packet(_QUESTION + b"\0\0\1\0\1\0\0\0\0\0\4abcd", counts=(1, 1, 0, 0))),
    _fine("a record with a pointer",
          packet(_QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd", counts=(1, 0, 0, 1))),
)  # fmt: skip

_EDNS = (
    _fine("DO", ask(*_MX4, edns=opt(flags=_DO)), edns=True, flags=_DO),
    _fine("unknown flags of EDNS", ask(*_MX4, edns=opt(flags=0x7FFF)), edns=True),
    _fine("all flags of EDNS", ask(*_MX4, edns=opt(flags=0xFFFF)), edns=True, flags=_DO),
    _fine("an unknown option", ask(*_MX4, edns=opt(options=[(65001, b"x" * 50)])), edns=True),
    _fine("three options", ask(*_MX4, edns=opt(options=[(12, b""), (8, b"\0\1\0\0"), (9, b"")])),
          edns=True),
    _fine("a size of 0", ask(*_MX4, edns=opt(0)), edns=True),
    _fine("a size of 65535", ask(*_MX4, edns=opt(65535)), edns=True),
    _fine("an OPT before another record",
          packet(_QUESTION + opt() + b"\0\0\1\0\1\0\0\0\0\0\4abcd", counts=(1, 0, 0, 2)),
          edns=True),
    _error("version 1", ask(*_MX4, edns=opt(version=1)), "BADVERS", edns=True),
    _error("version 255", ask("www.elsewhere.test.", "A", edns=opt(version=255)), "BADVERS",
           edns=True),
    _error("the version comes before the class",
           ask(*_MX4, rrclass=3, edns=opt(version=1)), "BADVERS", edns=True),
    _error("two OPTs", packet(_QUESTION + opt() * 2, counts=(1, 0, 0, 2)), "FORMERR", edns=True),
    _error("two OPTs come before the version",
           packet(_QUESTION + opt(version=1) * 2, counts=(1, 0, 0, 2)), "FORMERR", edns=True),
    _error("an OPT that is not the root's", ask(*_MX4, edns=opt(owner=b"\1a\0")), "FORMERR"),
    _error("an OPT in the answer section", packet(_QUESTION + opt(), counts=(1, 1, 0, 0)),
           "FORMERR"),
    _error("an option cut off",
           ask(*_MX4, edns=b"\0\0\x29\x04\xd0\0\0\0\0\0\6\0\3\0\3ab"), "FORMERR"),
    _error("half the head of an option",
           ask(*_MX4, edns=b"\0\0\x29\x04\xd0\0\0\0\0\0\2\0\3"), "FORMERR"),
    *(_error(f"a cookie of {octets} octets",
             ask(*_MX4, edns=opt(options=[(_COOKIE, b"c" * octets)])), "FORMERR", edns=True)
      for octets in (0, 7, 9, 15, 41)),
    _error("the version comes before the cookie",
           ask(*_MX4, edns=opt(version=1, options=[(_COOKIE, b"")])), "BADVERS", edns=True),
    _error("the cookie comes before the class",
           ask(*_MX4, rrclass=3, edns=opt(options=[(_COOKIE, b"")])), "FORMERR", edns=True),
)  # fmt: skip

_MEDIUM_ANSWER = lines("\n".join(
    f'medium.example.com. 3600 TXT "{index:02d}{"m" * 220}"' for index in range(3)
))  # fmt: skip
# Header, question, three records with a pointer as owner; with an OPT.
_MEDIUM_OCTETS = 12 + 24 + 3 * (12 + 223) + 11
_SIZES = tuple(
    Case(
        f"a client that takes {octets} octets",
        ask(*_MEDIUM, edns=opt(octets)),
        answer=_MEDIUM_ANSWER,
        opt=(0, None),
        truncated=octets < _MEDIUM_OCTETS,
    )
    for octets in (0, 512, _MEDIUM_OCTETS - 1, _MEDIUM_OCTETS, _MEDIUM_OCTETS + 1, 1232, 65535)
)

_CLASSES_AND_TYPES = (
    *(_error(f"class {number}", ask(*_MX4, rrclass=number), "REFUSED")
      for number in (0, 2, 3, 4, 254, 255, 65535)),
    _error("class CH with EDNS", ask("mx4.example.com.", "TXT", rrclass=3, edns=opt()), "REFUSED",
           edns=True),
    _error("the class comes before the type", ask("example.com.", "TKEY", rrclass=3), "REFUSED"),
    *(_error(f"{rrtype} of {name}", ask(name, rrtype, edns=opt()), rcode, edns=True)
      for name in ("example.com.", "www.elsewhere.test.")
      for rrtype, rcode in (("AXFR", "REFUSED"), ("IXFR", "REFUSED"), ("MAILA", "NOTIMP"),
                            ("MAILB", "NOTIMP"), ("TKEY", "FORMERR"), ("TSIG", "FORMERR"),
                            ("OPT", "FORMERR"))),
    *(
        Case(f"type {number}", ask("mx4.example.com.", f"TYPE{number}"),
             authority=lines(NEGATIVE["example.com."]), hit=number == 65535)
        for number in (0, 128, 248, 65535)
    ),
    *(
        Case(f"type {number} of no name", ask("nothere.example.com.", f"TYPE{number}"), "NXDOMAIN",
             authority=lines(NEGATIVE["example.com."]), hit=number == 65535)
        for number in (0, 128, 248, 65535)
    ),
)  # fmt: skip

_CASES_OF_NAMES = (
    Case("0x20 of a host", ask("mX4.eXAMPLE.cOM.", "A"), answer=_MX4_ANSWER),
    Case("0x20 of a domain", ask("PARKED.tEST.", "MX"), answer=lines("parked.test. 3600 MX 0 .")),
    Case("0x20 of what is not there", ask("wwW.Parked.Test.", "A"), "NXDOMAIN",
         authority=lines(NEGATIVE["parked.test."])),
    Case("0x20 of a foreign name", ask("wwW.Elsewhere.Test.", "A"), "REFUSED", aa=False),
    # Any octet may stand in a label; an executor looks for the zero that ends the name.
    *(
        Case(f"a label of the octets from {first}",
             packet(b"\x20" + bytes(range(first, first + 32)) + question("parked.test.", "MX")),
             "NXDOMAIN", authority=lines(NEGATIVE["parked.test."]), hit=bool(first))
        for first in range(0, 256, 32)
    ),
    Case("a name of 255 octets in a domain of ours",
         packet((b"\x3f" + b"a" * 63) * 3 + b"\x30" + b"a" * 48 + question("parked.test.", "MX")),
         "NXDOMAIN", authority=lines(NEGATIVE["parked.test."])),
    Case("121 labels below a domain of ours", packet(b"\1a" * 121 + question("parked.test.", "A")),
         "NXDOMAIN", authority=lines(NEGATIVE["parked.test."])),
    Case("the root in class ANY", ask(".", "ANY", rrclass=255), "REFUSED", aa=False, hit=False),
    Case("ANY of the root", ask(".", "ANY"), "REFUSED", aa=False, hit=False),
)  # fmt: skip

PROTOCOL = (
    *_SILENCE, *_HEADERS, *_QUESTIONS, *_EDNS, *_SIZES, *_CLASSES_AND_TYPES, *_CASES_OF_NAMES,
)  # fmt: skip
