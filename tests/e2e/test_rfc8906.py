"""The tests of RFC 8906, section 8, with the RFC's own dig commands."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.asking import Dig
from support.ports import free_port
from support.serving import configuration, serving

ZONE = "example.com"
_PLAIN = ("+noedns", "+noad", "+norec")
_EDNS = ("+nocookie", "+edns=0", "+noad", "+norec")
_EDNS1 = ("+nocookie", "+edns=1", "+noednsneg", "+noad", "+norec")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the RFC expects of the answer to one of its commands."""

    section: str
    words: tuple[str, ...]
    status: str = "NOERROR"
    soa: bool = True
    aa: bool = True
    opt: bool = True
    rd: bool = False
    do: bool = False


def _plain(section: str, *words: str, rd: bool = False) -> Expected:
    return Expected(section, (*words, "soa", ZONE), opt=False, rd=rd)


def _edns(section: str, *words: str, do: bool = False) -> Expected:
    return Expected(section, (*_EDNS, *words, "soa", ZONE), do=do)


def _edns1(section: str, *words: str, do: bool = False) -> Expected:
    words = (*_EDNS1, *words, "soa", ZONE)
    return Expected(section, words, "BADVERS", soa=False, aa=False, do=do)


TESTS = (
    _plain("8.1.1 the server is configured for the zone", *_PLAIN),
    Expected("8.1.2 unknown types", (*_PLAIN, "type1000", ZONE), soa=False, opt=False),
    _plain("8.1.3.1 CD", *_PLAIN, "+cd"),
    _plain("8.1.3.2 AD", "+noedns", "+norec", "+ad"),
    _plain("8.1.3.3 the reserved bit", *_PLAIN, "+zflag"),
    _plain("8.1.3.4 RD", "+noedns", "+noad", "+rec", rd=True),
    Expected("8.1.4 unknown opcodes", ("+noedns", "+noad", "+opcode=15", "+norec", "+header-only"),
             "NOTIMP", soa=False, aa=False, opt=False),
    _plain("8.1.5 TCP", *_PLAIN, "+tcp"),
    _edns("8.2.1 minimal EDNS"),
    _edns1("8.2.2 EDNS version negotiation"),
    _edns("8.2.3 unknown EDNS options", "+ednsopt=100"),
    _edns("8.2.4 unknown EDNS flags", "+ednsflags=0x40"),
    _edns1("8.2.5 version negotiation with unknown flags", "+ednsflags=0x40"),
    _edns1("8.2.6 version negotiation with unknown options", "+ednsopt=100"),
    Expected("8.2.7 truncated responses",
             ("+norec", "+dnssec", "+bufsize=512", "+ignore", "dnskey", ZONE), soa=False, do=True),
    _edns("8.2.8 DO", "+dnssec", do=True),
    _edns1("8.2.9 version negotiation with DO", "+dnssec", do=True),
    _edns("8.2.10 several EDNS options", "+cookie", "+nsid", "+expire", "+subnet=0.0.0.0/0"),
)  # fmt: skip


@pytest.fixture(scope="module")
def dig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dig]:
    """Dig, pointed at a running server."""
    directory = tmp_path_factory.mktemp("rfc8906")
    port = free_port()
    path = directory / "rrdns.yaml"
    path.write_text(
        configuration(
            listen=[f"127.0.0.1:{port}"], nodes={"server1": "192.0.2.11"}, directory=directory
        )
    )
    with serving(path):
        yield Dig("127.0.0.1", port)


@pytest.mark.parametrize("expected", TESTS, ids=[test.section for test in TESTS])
def test_the_answer_is_what_the_rfc_expects(dig: Dig, expected: Expected) -> None:
    reply = dig(*expected.words)
    assert reply.status == expected.status
    assert [record[2] for record in reply.answers] == (["SOA"] if expected.soa else [])
    assert ("aa" in reply.flags) == expected.aa
    assert ("rd" in reply.flags) == expected.rd
    # Never set by an authoritative server without DNSSEC, whatever the query has.
    assert not {"ra", "ad", "cd", "tc"} & reply.flags
    assert ("OPT PSEUDOSECTION" in reply.text) == expected.opt
    assert not expected.opt or "EDNS: version: 0, flags:" in reply.text
    assert ("flags: do" in reply.text) == expected.do
    # A reserved bit that came back, and an option that nobody knows.
    assert "MBZ" not in reply.text
    assert "OPT=100" not in reply.text


def test_all_of_the_rfcs_tests_are_here() -> None:
    assert len({test.section.split()[0] for test in TESTS}) == len(TESTS) == 18
    assert (
        Path(__file__).name in (Path(__file__).parents[2] / "docs" / "conformance.md").read_text()
    )
