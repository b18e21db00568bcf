"""The cases about what is asked: each row is a QNAME, a QTYPE, and what the zones say to it.

Every row is asked without EDNS, with it, and with DO; what comes back differs in the OPT alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from golden.case import RD, Case, ask, lines, opt

_DO = 0x8000
NOT_AUTHORITATIVE = 20

_TIMERS = "7200 900 1209600"
NEGATIVE = {
    "example.com.": f"example.com. 60 SOA ns1.example.com. hostmaster.example.com. 7 {_TIMERS} 60",
    # The SOA's TTL is below its minimum here (RFC 2308, section 5).
    "example.net.": (
        f"example.net. 600 SOA ns1.example.com. hostmaster.example.net. 8 {_TIMERS} 7200"
    ),
    "child.example.com.": (
        f"child.example.com. 60 SOA ns1.example.com. hostmaster.child.example.com. 9 {_TIMERS} 60"
    ),
    "mx1.example.org.": (
        f"mx1.example.org. 60 SOA ns1.example.com. hostmaster.mx1.example.org. 10 {_TIMERS} 60"
    ),
    **{
        f"{domain}.": (f"{domain}. 60 SOA ns1.example.com. hostmaster.{domain}. 11 {_TIMERS} 60")
        for domain in ("customer.test", "xn--bcher-kva.test", "kunde.example.com")
    },
    "parked.test.": (
        f"parked.test. 60 SOA ns1.example.com. postmaster.example.com. 12 {_TIMERS} 60"
    ),
    "website.test.": (
        f"website.test. 60 SOA ns1.example.com. hostmaster.website.test. 13 {_TIMERS} 60"
    ),
}
_PROFILE_MX = "".join(
    f"%s. 3600 MX {10 * number} mx{number}.example.com.\n" for number in (1, 2, 3, 4)
)
_NS = "%s. %d NS ns1.example.com.\n%s. %d NS ns2.example.com."
_PRIMARY = ("192.0.2.11", "192.0.2.21", "192.0.2.31")
_PRIMARY6 = ("2001:db8::11", "2001:db8::21", "2001:db8::31")
_SECONDARY = ("192.0.2.12", "192.0.2.22", "192.0.2.32")
_SECONDARY6 = ("2001:db8::12", "2001:db8::22")
_WWW = "www.example.com. 300 A 192.0.2.80\nwww.example.com. 300 A 192.0.2.81"
_WWW6 = "www.example.com. 300 AAAA 2001:db8::80"
_SUB = """
sub.example.com. 3600 NS ns.sub.example.com.
sub.example.com. 3600 NS ns1.example.com.
sub.example.com. 3600 NS ns.elsewhere.test.
"""
_GLUE = """
ns.sub.example.com. 3600 A 192.0.2.54
ns.sub.example.com. 3600 AAAA 2001:db8::54
ns1.example.com. 3600 A 198.51.100.53
ns1.example.com. 3600 AAAA 2001:db8::53
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One question and the answer; sections are text, `soa` names the zone of a negative one."""

    qname: str
    qtype: str
    answer: str = ""
    soa: str | None = None
    rcode: str = "NOERROR"
    aa: bool = True
    authority: str = ""
    additional: str = ""
    hit: bool = True
    ede: int | None = None
    truncated: tuple[bool, bool] = (False, False)

    def cases(self) -> Iterator[Case]:
        """Yield the row's cases: plain, with EDNS and RD, with DO."""
        authority = NEGATIVE[self.soa] if self.soa is not None else self.authority
        for label, flags, edns, truncated in (
            ("plain", 0, b"", self.truncated[0]),
            ("edns", RD, opt(4096), self.truncated[1]),
            ("do", 0, opt(1232, flags=_DO), self.truncated[1]),
        ):
            yield Case(
                f"{self.qname} {self.qtype} {label}",
                ask(self.qname, self.qtype, flags=flags, edns=edns),
                self.rcode,
                self.aa,
                lines(self.answer),
                lines(authority),
                lines(self.additional),
                opt=((_DO if label == "do" else 0), self.ede) if edns else None,
                truncated=truncated,
                hit=self.hit,
            )


def _addresses(host: str, rrtype: str, ttl: int, addresses: tuple[str, ...]) -> str:
    return "\n".join(f"{host} {ttl} {rrtype} {address}" for address in addresses)


def _host(host: str, ttl: int, ipv4: tuple[str, ...], ipv6: tuple[str, ...]) -> Iterator[Row]:
    yield Row(host, "A", _addresses(host, "A", ttl, ipv4))
    yield Row(host, "ANY", _addresses(host, "A", ttl, ipv4), hit=False)
    zone = "example.com." if host.endswith(".com.") else host
    if ipv6:
        yield Row(host, "AAAA", _addresses(host, "AAAA", ttl, ipv6))
    else:
        yield Row(host, "AAAA", soa=zone)
    for rrtype in ("MX", "TXT", "CNAME", "TYPE65282"):
        yield Row(host, rrtype, soa=zone)
    yield Row(f"x.{host}", "A", soa=zone, rcode="NXDOMAIN")


def _domain(domain: str) -> Iterator[Row]:
    yield Row(f"{domain}.", "MX", _PROFILE_MX % ((domain,) * 4))
    yield Row(f"{domain}.", "NS", _NS % (domain, 3600, domain, 3600))
    soa = NEGATIVE[f"{domain}."]
    yield Row(f"{domain}.", "SOA", soa.replace(" 60 SOA", " 3600 SOA"))
    yield Row(f"{domain}.", "ANY", _PROFILE_MX % ((domain,) * 4), hit=False)
    for rrtype in ("A", "AAAA", "TXT", "TYPE65282"):
        yield Row(f"{domain}.", rrtype, soa=f"{domain}.")
    for prefix in ("www", "a.b.c", "*", "_dmarc"):
        yield Row(f"{prefix}.{domain}.", "A", soa=f"{domain}.", rcode="NXDOMAIN")


def _static(owner: str, rrtype: str, rdata: str, ttl: int = 3600, *, hit: bool = True) -> Row:
    return Row(f"{owner}.example.com.", rrtype, f"{owner}.example.com. {ttl} {rrtype} {rdata}",
               hit=hit)  # fmt: skip


def _cname(owner: str, target: str, ttl: int = 3600) -> str:
    return f"{owner}.example.com. {ttl} CNAME {target}\n"


def _nodata(owner: str, rrtype: str, *, hit: bool = True) -> Row:
    return Row(f"{owner}.example.com.", rrtype, soa="example.com.", hit=hit)


def _nxdomain(owner: str, rrtype: str = "A") -> Row:
    # ANY and DS stay with the responder, whatever the name.
    return Row(f"{owner}.example.com.", rrtype, soa="example.com.", rcode="NXDOMAIN",
               hit=rrtype not in ("ANY", "DS"))  # fmt: skip


def _referral(qname: str, qtype: str, authority: str, additional: str = "") -> Row:
    return Row(qname, qtype, aa=False, authority=authority, additional=additional, hit=False)


def _text(owner: str, count: int, truncated: tuple[bool, bool]) -> Row:
    answer = "\n".join(
        f'{owner}.example.com. 3600 TXT "{index:02d}{owner[0] * 220}"' for index in range(count)
    )
    return Row(f"{owner}.example.com.", "TXT", answer, truncated=truncated)


HOSTS = (
    *_host("mx1.example.com.", 60, _PRIMARY, _PRIMARY6),
    *_host("mx2.example.com.", 60, _SECONDARY, _SECONDARY6),
    *_host("mx3.example.com.", 60, _SECONDARY, _SECONDARY6),
    *_host("mx4.example.com.", 30, ("203.0.113.10",), ()),
    *_host("mx1.example.org.", 60, _PRIMARY, _PRIMARY6),
    Row("mx1.example.org.", "NS", _NS % ("mx1.example.org", 3600, "mx1.example.org", 3600)),
    Row("mx1.example.org.", "SOA",
        NEGATIVE["mx1.example.org."].replace(" 60 SOA", " 3600 SOA")),
    Row("mx1.example.org.", "DS", soa="mx1.example.org.", hit=False),
)  # fmt: skip

DOMAINS = (
    *_domain("customer.test"),
    *_domain("xn--bcher-kva.test"),
    *_domain("kunde.example.com"),
    Row("customer.test.", "DS", soa="customer.test.", hit=False),
    # Its parent is here too, and knows of no delegation: the name exists all the same.
    Row("kunde.example.com.", "DS", soa="example.com.", hit=False),
    Row("parked.test.", "MX", "parked.test. 3600 MX 0 ."),
    Row("parked.test.", "A", soa="parked.test."),
    Row("www.parked.test.", "MX", soa="parked.test.", rcode="NXDOMAIN"),
    Row("website.test.", "MX", "website.test. 3600 MX 10 mx1.example.com.\n"
        "website.test. 3600 MX 10 mx2.example.com."),
    Row("website.test.", "A", "website.test. 3600 A 192.0.2.100"),
    Row("www.website.test.", "A", "www.website.test. 3600 CNAME www.example.com.\n" + _WWW,
        hit=False),
    Row("a.shop.website.test.", "A", "a.shop.website.test. 3600 A 192.0.2.101"),
    Row("a.shop.website.test.", "MX", soa="website.test."),
    Row("shop.website.test.", "A", soa="website.test."),
    Row("middle.website.test.", "A", soa="website.test."),
    Row("leaf.middle.website.test.", "TXT", 'leaf.middle.website.test. 3600 TXT "deep"'),
    Row("nothere.website.test.", "A", soa="website.test.", rcode="NXDOMAIN"),
)  # fmt: skip

APEXES = (
    Row("example.com.", "SOA", NEGATIVE["example.com."].replace(" 60 SOA", " 3600 SOA")),
    Row("example.com.", "NS", _NS % ("example.com", 3600, "example.com", 3600)),
    Row("example.com.", "MX", "example.com. 3600 MX 10 mx1.example.com.\n"
        "example.com. 3600 MX 20 mx2.example.com."),
    Row("example.com.", "TXT", 'example.com. 3600 TXT "v=spf1 mx -all"'),
    Row("example.com.", "A", soa="example.com."),
    Row("example.com.", "DS", soa="example.com.", hit=False),
    Row("example.net.", "SOA", NEGATIVE["example.net."]),
    Row("example.net.", "NS", _NS % ("example.net", 600, "example.net", 600)),
    Row("example.net.", "MX", soa="example.net."),
    Row("nothere.example.net.", "A", soa="example.net.", rcode="NXDOMAIN"),
    Row("child.example.com.", "NS", _NS % ("child.example.com", 3600, "child.example.com", 3600)),
    Row("www.child.example.com.", "A", "www.child.example.com. 3600 A 192.0.2.60"),
    Row("x.child.example.com.", "A", soa="child.example.com.", rcode="NXDOMAIN"),
    # DS is the parent's word, whatever the child knows (RFC 4035, section 3.1.4.1).
    Row("child.example.com.", "DS", soa="example.com.", hit=False),
)  # fmt: skip

STATIC = (
    Row("www.example.com.", "A", _WWW),
    Row("www.example.com.", "AAAA", _WWW6),
    Row("www.example.com.", "ANY", _WWW, hit=False),
    _nodata("www", "MX"),
    _static("ns1", "A", "198.51.100.53"),
    _static("ns1", "AAAA", "2001:db8::53"),
    _static("_smtp._tcp", "SRV", "0 5 25 mx1.example.com."),
    _nodata("_tcp", "SRV"),
    _static("caa", "CAA", '0 issue "ca.test"'),
    _static("point", "PTR", "www.example.com."),
    _static("odd", "TYPE65280", "\\# 4 0A000001"),
    _static("odd", "TYPE65281", "\\# 0"),
    _static("generic", "A", "192.0.2.99"),
    _static("a\\.b", "A", "192.0.2.97"),
    _nxdomain("a.b"),
    _static("\\000\\255", "A", "192.0.2.98", hit=False),
    _static("hinfo", "HINFO", '"PDP-10" "TOPS-20"'),
    _static("text", "TXT", '"one" "two" "with \\"quotes\\" and \\\\ backslash"'),
    _text("medium", 3, (True, False)),
    _text("large", 6, (True, True)),
    _text("huge", 20, (True, True)),
    _nodata("between", "TXT"),
    _static("leaf.between", "TXT", '"below an empty non-terminal"'),
    _nxdomain("x.leaf.between"),
    _nxdomain("x.between"),
    _nxdomain("nothere"),
    _nxdomain("nothere", "MX"),
    _nxdomain("nothere", "ANY"),
    _nxdomain("nothere", "DS"),
    _nxdomain("a.b.c.nothere"),
)

WILDCARDS = (
    Row("x.wild.example.com.", "A", "x.wild.example.com. 3600 A 192.0.2.90"),
    Row("y.x.wild.example.com.", "A", "y.x.wild.example.com. 3600 A 192.0.2.90"),
    Row("x.wild.example.com.", "MX", "x.wild.example.com. 3600 MX 5 mx1.example.com."),
    Row("x.wild.example.com.", "ANY", "x.wild.example.com. 3600 A 192.0.2.90", hit=False),
    _nodata("x.wild", "TXT"),
    _static("*.wild", "A", "192.0.2.90"),
    _nodata("wild", "A"),
    # A name that exists keeps the wildcard away from itself and from all below it.
    _nodata("known.wild", "A"),
    _nxdomain("x.known.wild"),
    Row("x.cnames.example.com.", "AAAA", _cname("x.cnames", "www.example.com.") + _WWW6, hit=False),
)

ALIASES = (
    _static("alias", "CNAME", "www.example.com."),
    Row("alias.example.com.", "ANY", _cname("alias", "www.example.com."), hit=False),
    Row("alias.example.com.", "A", _cname("alias", "www.example.com.") + _WWW, hit=False),
    Row("chain.example.com.", "AAAA", _cname("chain", "alias.example.com.", 120)
        + _cname("alias", "www.example.com.") + _WWW6, hit=False),
    Row("chain.example.com.", "MX", _cname("chain", "alias.example.com.", 120)
        + _cname("alias", "www.example.com."), soa="example.com.", hit=False),
    Row("mail.example.com.", "A", _cname("mail", "mx1.example.com.")
        + _addresses("mx1.example.com.", "A", 60, _PRIMARY), hit=False),
    Row("foreign.example.com.", "A", _cname("foreign", "www.elsewhere.test."), hit=False),
    Row("dangling.example.com.", "A", _cname("dangling", "nothere.example.com."),
        soa="example.com.", rcode="NXDOMAIN", hit=False),
    Row("empty.example.com.", "A", _cname("empty", "between.example.com."),
        soa="example.com.", hit=False),
    Row("over.example.com.", "A", _cname("over", "www.example.net.")
        + "www.example.net. 600 A 192.0.2.70", hit=False),
    Row("case.example.com.", "A", _cname("case", "WwW.eXample.NET.")
        + "www.example.net. 600 A 192.0.2.70", hit=False),
    Row("back.example.net.", "AAAA", "back.example.net. 600 CNAME mx2.example.com.\n"
        + _addresses("mx2.example.com.", "AAAA", 60, _SECONDARY6), hit=False),
    Row("below.example.com.", "A", _cname("below", "x.sub.example.com."),
        authority=_SUB, additional=_GLUE, hit=False),
    Row("loop1.example.com.", "A", _cname("loop1", "loop2.example.com.")
        + _cname("loop2", "loop1.example.com."), hit=False),
)  # fmt: skip

DELEGATIONS = (
    *(
        _referral(f"{owner}sub.example.com.", rrtype, _SUB, _GLUE)
        for owner in ("", "x.", "y.x.", "ns.")
        for rrtype in ("A", "NS", "ANY")
    ),
    _referral("x.sub.example.com.", "DS", _SUB, _GLUE),
    _nodata("sub", "DS", hit=False),
    _static("signed", "DS", "1 13 2 " + "00" * 31 + "ff", hit=False),
    _referral("signed.example.com.", "A", "signed.example.com. 3600 NS ns.elsewhere.test."),
)

FOREIGN = tuple(
    Row(qname, qtype, rcode="REFUSED", aa=False, ede=NOT_AUTHORITATIVE, hit=hit)
    for qname, qtype, hit in (
        ("www.elsewhere.test.", "A", True),
        ("test.", "NS", True),
        ("com.", "SOA", True),
        (".", "NS", True),
        ("example.org.", "MX", True),
        ("xexample.com.", "A", True),
        ("elsewhere.test.", "DS", False),
        ("elsewhere.test.", "ANY", False),
    )
)

ROWS = (
    *HOSTS, *DOMAINS, *APEXES, *STATIC, *WILDCARDS, *ALIASES, *DELEGATIONS, *FOREIGN,
)  # fmt: skip
ANSWERS = tuple(case for row in ROWS for case in row.cases())
