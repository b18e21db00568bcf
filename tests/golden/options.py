"""The cases about EDNS options, and what a server tells of itself in class CH."""

from collections.abc import Iterable

from golden.answers import NEGATIVE, NOT_AUTHORITATIVE
from golden.case import (
    CLIENT_COOKIE,
    COOKIE,
    RD,
    RENEWED,
    RETURNED,
    Case,
    Line,
    ask,
    lines,
    opt,
    packet,
    question,
)

_DO = 0x8000
_NSID, _KEEPALIVE, _UNKNOWN = 3, 11, 65001
_IDENTITY = b"golden.node"
_TEN_SECONDS = b"\0\x64"
_CHAOS = 3
_MX4 = ("mx4.example.com.", "A")
_MX4_ANSWER = lines("mx4.example.com. 30 A 203.0.113.10")

Option = tuple[int, bytes]


def _fine(
    name: str,
    given: Iterable[Option],
    said: tuple[Option, ...] = (),
    *,
    tcp: tuple[Option, ...] = (),
    flags: int = 0,
) -> Case:
    return Case(
        name,
        ask(*_MX4, edns=opt(options=given, flags=flags)),
        answer=_MX4_ANSWER,
        opt=(flags, None),
        options=said,
        tcp_options=tcp,
    )


def _renewed(name: str, cookie: bytes, *more: Option) -> Case:
    return _fine(name, [(COOKIE, cookie), *more], ((COOKIE, CLIENT_COOKIE),))


_GIVEN = ((COOKIE, CLIENT_COOKIE),)
_COOKIES = (
    _renewed("a client cookie", CLIENT_COOKIE),
    _fine("a client cookie with DO", _GIVEN, _GIVEN, flags=_DO),
    _fine("a valid cookie comes back", [(COOKIE, RETURNED)], ((COOKIE, RETURNED),)),
    *(
        _renewed(f"another cookie is made for: {cookie[8:].decode().rstrip('.')}", cookie)
        for cookie in RENEWED
    ),
    _renewed("a server cookie of 8 octets", CLIENT_COOKIE + bytes(8)),
    _renewed("a server cookie of 16 octets that is none", CLIENT_COOKIE + b"\1" + bytes(15)),
    _renewed("a server cookie of another version", CLIENT_COOKIE + b"\2" + bytes(15)),
    _renewed("a server cookie of 32 octets", CLIENT_COOKIE + b"\1" + bytes(31)),
    _renewed("a valid cookie that is cut", RETURNED + b"x"),
    _renewed("the first of two cookies counts", CLIENT_COOKIE, (COOKIE, b"otherone")),
    _renewed("nor is the second one's length looked at", CLIENT_COOKIE, (COOKIE, b"x")),
    Case("the first of two cookies has a wrong length",
         ask(*_MX4, edns=opt(options=[(COOKIE, b"x"), (COOKIE, CLIENT_COOKIE)])), "FORMERR",
         aa=False, opt=(0, None), hit=False),
    Case("a cookie of a domain", ask("parked.test.", "MX", flags=RD, edns=opt(options=_GIVEN)),
         answer=lines("parked.test. 3600 MX 0 ."), opt=(0, None), options=_GIVEN),
    Case("a cookie of a name that is not there",
         ask("www.parked.test.", "MX", edns=opt(options=_GIVEN)), "NXDOMAIN",
         authority=lines(NEGATIVE["parked.test."]), opt=(0, None), options=_GIVEN),
    Case("a cookie of a foreign name", ask("www.elsewhere.test.", "A", edns=opt(options=_GIVEN)),
         "REFUSED", aa=False, opt=(0, NOT_AUTHORITATIVE), options=_GIVEN),
    Case("a cookie with an answer that is too large",
         ask("large.example.com.", "TXT", edns=opt(options=_GIVEN)),
         answer=lines("\n".join(
             f'large.example.com. 3600 TXT "{index:02d}{"l" * 220}"' for index in range(6)
         )), opt=(0, None), options=_GIVEN, truncated=True),
    Case("a cookie of class HS", ask(*_MX4, rrclass=4, edns=opt(options=_GIVEN)), "REFUSED",
         aa=False, opt=(0, None), options=_GIVEN, hit=False),
    Case("a cookie with NOTIFY", ask(*_MX4, flags=4 << 11, edns=opt(options=_GIVEN)), "REFUSED",
         aa=False, opt=(0, None), options=_GIVEN, hit=False),
)  # fmt: skip


def _unasked(
    name: str, given: Iterable[Option], said: tuple[Option, ...] = (), rcode: str = "NOERROR",
    *, flags: int = 0, version: int = 0, junk: bytes = b"",
) -> Case:  # fmt: skip
    return Case(
        f"no question but {name}",
        packet(opt(options=given, version=version) + junk, flags=flags, counts=(0, 0, 0, 1)),
        rcode,
        aa=False,
        question=False,
        opt=(0, None),
        options=said,
        hit=False,
    )


_NO_QUESTION = (
    _unasked("a client cookie", _GIVEN, _GIVEN),
    _unasked("a client cookie and RD", _GIVEN, _GIVEN, flags=RD),
    _unasked("a valid cookie", [(COOKIE, RETURNED)], ((COOKIE, RETURNED),)),
    _unasked("an invalid cookie", [(COOKIE, RENEWED[0])], _GIVEN),
    _unasked("a cookie and NSID", [(_NSID, b""), *_GIVEN], ((_NSID, _IDENTITY), *_GIVEN)),
    _unasked("NSID", [(_NSID, b"")], (), "FORMERR"),
    _unasked("a cookie of a wrong length", [(COOKIE, b"x")], (), "FORMERR"),
    _unasked("a cookie of version 1", _GIVEN, (), "BADVERS", version=1),
    _unasked("a cookie and rubbish", _GIVEN, (), "FORMERR", junk=b"x"),
    _unasked("a cookie and opcode UPDATE", _GIVEN, _GIVEN, "REFUSED", flags=5 << 11),
)

_TOLD = ((_NSID, _IDENTITY),)
_OTHERS = (
    _fine("NSID", [(_NSID, b"")], _TOLD),
    _fine("NSID with DO", [(_NSID, b"")], _TOLD, flags=_DO),
    _fine("NSID with data", [(_NSID, b"who are you")], _TOLD),
    _fine("NSID asked for twice", [(_NSID, b""), (_NSID, b"")], _TOLD),
    Case("NSID of a foreign name",
         ask("www.elsewhere.test.", "A", edns=opt(options=[(_NSID, b"")])), "REFUSED",
         aa=False, opt=(0, NOT_AUTHORITATIVE), options=_TOLD),
    Case("NSID of version 1", ask(*_MX4, edns=opt(version=1, options=[(_NSID, b"")])), "BADVERS",
         aa=False, opt=(0, None), hit=False),
    _fine("keepalive", [(_KEEPALIVE, b"")], tcp=((_KEEPALIVE, _TEN_SECONDS),)),
    _fine("keepalive with a time", [(_KEEPALIVE, b"\0\1")], tcp=((_KEEPALIVE, _TEN_SECONDS),)),
    _fine("keepalive, a cookie, NSID and what nobody knows",
          [(_KEEPALIVE, b""), (_UNKNOWN, b"x"), *_GIVEN, (_NSID, b"")], (*_TOLD, *_GIVEN),
          tcp=((_KEEPALIVE, _TEN_SECONDS),)),
    # A client's subnet, padding, chain: nothing that concerns our answers.
    *(_fine(f"option {code}", [(code, data)])
      for code, data in ((8, b"\0\1\x18\0\xc0\0\2"), (12, bytes(100)), (13, b"\0"), (0, b""),
                         (15, b"\0\0"), (65535, b"x" * 255))),
)  # fmt: skip


def _told(
    name: str,
    owner: str,
    *texts: str,
    qtype: str = "TXT",
    edns: bytes = b"",
    truncated: bool = False,
) -> Case:
    answer: tuple[Line, ...] = lines("\n".join(f'{owner} 0 TXT "{text}"' for text in texts))
    return Case(
        name,
        ask(owner, qtype, rrclass=_CHAOS, edns=edns),
        answer=answer,
        opt=(0, None) if edns else None,
        truncated=truncated,
        hit=False,
    )


_STATES = (
    *(f"server{number}/primary {address} up"
      for number in (1, 2, 3) for address in (f"192.0.2.{number}1", f"2001:db8::{number}1")),
    *(f"server{number}/secondary 192.0.2.{number}2 up" for number in (1, 2, 3)),
    *(f"server{number}/secondary 2001:db8::{number}2 up" for number in (1, 2)),
    "mx4.example.com/address 203.0.113.10 up",
)  # fmt: skip
_CLASS_CH = (
    *(_told(f"CH {owner}", owner, "golden.node") for owner in ("id.server.", "hostname.bind.")),
    *(_told(f"CH {owner}", owner, "golden 1.0") for owner in ("version.bind.", "version.server.")),
    _told("CH ANY of id.server.", "id.server.", "golden.node", qtype="ANY"),
    _told("CH with EDNS", "id.server.", "golden.node", edns=opt()),
    *(_told(f"CH {qtype} of {owner}", owner, qtype=qtype)
      for owner, qtype in (("id.server.", "A"), ("version.bind.", "NS"), ("status.rrdns.", "A"))),
    _told("CH status.rrdns.", "status.rrdns.", *_STATES, truncated=True),
    _told("CH status.rrdns. with EDNS", "status.rrdns.", *_STATES, edns=opt()),
    *(Case(f"CH refuses {owner} {qtype}", ask(owner, qtype, rrclass=_CHAOS), "REFUSED", aa=False,
           hit=False)
      for owner, qtype in (("authors.bind.", "TXT"), ("server.", "TXT"), ("bind.", "TXT"),
                           ("x.id.server.", "TXT"), ("rrdns.", "TXT"), (".", "NS"),
                           ("mx1.example.com.", "A"), ("customer.test.", "MX"))),
    Case("CH in mixed case", packet(question("HostName.BIND.", "TXT", _CHAOS)),
         answer=lines('hostname.bind. 0 TXT "golden.node"'), hit=False),
)  # fmt: skip

OPTIONS = (*_COOKIES, *_NO_QUESTION, *_OTHERS, *_CLASS_CH)
