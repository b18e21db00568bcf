"""Real resolvers, at their strictest, that know nothing but the root of a small Internet."""

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.asking import Dig, Reply, parse
from support.processes import Background, background
from support.programs import require_program
from support.small_internet import RESOLVERS, SmallInternet
from support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Variant:
    """How a resolver asks: over `family` (ipv4, ipv6), with more words in its configuration.

    `truncated` are the names whose TXT does not fit its UDP; `tcp` means TCP and nothing else.
    """

    program: str
    name: str
    family: str = "ipv4"
    options: str = ""
    tcp: bool = False
    truncated: Sequence[str] = ("huge.example.com",)

    def __str__(self) -> str:
        return f"{self.program}-{self.name}"


_TCP_ONLY = "server 0.0.0.0/0 { tcp-only yes; };"
_NO_EDNS = "server 0.0.0.0/0 { edns no; };"
_BOTH = ("large.example.com", "huge.example.com")
UNBOUND = Variant("unbound", "ipv4")
BIND = Variant("bind", "ipv4")
VARIANTS = (
    UNBOUND,
    Variant("unbound", "ipv6", "ipv6"),
    Variant("unbound", "tcp", options="tcp-upstream: yes", tcp=True),
    Variant("unbound", "edns-512", options="edns-buffer-size: 512", truncated=_BOTH),
    Variant("unbound", "edns-4096", options="edns-buffer-size: 4096"),
    BIND,
    Variant("bind", "ipv6", "ipv6"),
    Variant("bind", "tcp", options=_TCP_ONLY, tcp=True),
    Variant("bind", "no-edns", options=_NO_EDNS, truncated=_BOTH),
)

# What unbound says of a server that it finds fault with, or had to treat more gently. What it
# logs as `extraneous` is the rest of an alias' answer: it asks for that again, whoever said it.
_UNBOUND_FAULTS = re.compile(
    r"capsforid|0x20 fallback|wrong 0x20|throwaway|lame|edns fails|without edns|formerr|servfail|"
    r"refused|timeouts|error:|warning:|sanitize(?!: removing extraneous answer)"
)
_NAMED_FAULTS = re.compile(
    r"formerr|lame|unexpected|refused|servfail|timed out|after disabling|after reducing|broken|"
    r"invalid|mismatch|unreachable|error:|warning:"
)
# The names of BIND's counters, as `rndc stats` writes them.
_NAMED_COUNTS = re.compile(
    r"\d+ (?:SERVFAIL|FORMERR|other errors|mismatch responses|lame delegations) received"
    r"|\d+ EDNS query failures|\d+ query timeouts|\d+ bad cookie rcode|\d+ spilled.*"
)


@dataclass(frozen=True, slots=True)
class Resolver:
    """A running resolver: ask it, empty its cache, read what it finds fault with."""

    variant: Variant
    internet: SmallInternet
    directory: Path
    dig: Dig
    program: Background
    control: Sequence[str]

    def ask(self, name: str, rrtype: str) -> Reply:
        """Ask for a name; a resolver may need some referrals for it."""
        (reply,) = self.ask_all([(name, rrtype)])
        return reply

    def ask_all(self, questions: Sequence[tuple[str, str]]) -> list[Reply]:
        """Ask in turn, in one run of dig: much faster than one run for each question."""
        text = self.dig("+time=10", *itertools.chain.from_iterable(questions)).text
        replies = [parse(part) for part in text.split(";; Got answer:")[1:]]
        assert len(replies) == len(questions), text
        return replies

    def addresses(self, name: str, rrtype: str) -> set[str]:
        """Return the addresses that users of the resolver see."""
        return set(self.ask(name, rrtype).values)

    def flush(self) -> None:
        """Forget every record; unbound also what it learnt about servers, as BIND does."""
        if self.variant.program == "bind":
            self._do("flush")
        else:
            self._do("flush_zone", ".")
            self._do("flush_infra", "all")

    @property
    def log(self) -> str:
        """Everything it logged."""
        return self.program.output

    def faults(self) -> list[str]:
        """Return the log's lines, and the counters, that find fault with a server."""
        if self.variant.program == "bind":
            self._do("stats")
            counts = (self.directory / "named.stats").read_text()
            return [*_faulty(_NAMED_FAULTS, self.log), *_NAMED_COUNTS.findall(counts)]
        counts = self._do("stats_noreset")
        return [*_faulty(_UNBOUND_FAULTS, self.log), *re.findall("unwanted.*=[1-9].*", counts)]

    def _do(self, *words: str) -> str:
        return self.internet.users.run(*self.control, *words)


def _faulty(faults: re.Pattern[str], log: str) -> list[str]:
    # The second line of named's log repeats the compiler's options, -Werror among them.
    lines = log.lower().splitlines()
    return [line for line in lines if faults.search(line) and "built with" not in line]


@contextmanager
def resolver(variant: Variant, internet: SmallInternet) -> Iterator[Resolver]:
    """Run a resolver in a directory of its own; yields once it answers."""
    directory = internet.directory / str(variant)
    directory.mkdir()
    address = RESOLVERS[variant.program][variant.family == "ipv6"]
    start = _named if variant.program == "bind" else _unbound
    command, control = start(variant, address, directory, internet.directory / "root.hints")
    dig = Dig(address, prefix=internet.users.command())
    with background(internet.users.command(*command), directory / "log") as program:
        wait_until(lambda: dig(".", "NS", check=False).status == "NOERROR", 20, f"{variant}")
        yield Resolver(variant, internet, directory, dig, program, control)


def _unbound(
    variant: Variant, address: str, directory: Path, hints: Path
) -> tuple[list[str], list[str]]:
    control = require_program("unbound-control")
    path = directory / "unbound.conf"
    yes_no = ("no", "yes") if variant.family == "ipv6" else ("yes", "no")
    # rrset-roundrobin is off: the order that it answers with is the order that it was given.
    path.write_text(f"""\
server:
    interface: {address}
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    do-ip4: {yes_no[0]}
    do-ip6: {yes_no[1]}
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: "{directory}/unbound.pid"
    use-syslog: no
    verbosity: 4
    extended-statistics: yes
    module-config: "iterator"
    root-hints: "{hints}"
    local-zone: "test." nodefault
    do-not-query-localhost: no
    use-caps-for-id: yes
    qname-minimisation: yes
    qname-minimisation-strict: yes
    harden-referral-path: yes
    rrset-roundrobin: no
    {variant.options}
remote-control:
    control-enable: yes
    control-interface: "{directory}/control"
    control-use-cert: no
""")
    command = [require_program("unbound"), "-d", "-c", str(path)]
    return command, [control, "-c", str(path)]


def _named(
    variant: Variant, address: str, directory: Path, hints: Path
) -> tuple[list[str], list[str]]:
    rndc = require_program("rndc")
    key = 'key flush { algorithm hmac-sha256; secret "c2VjcmV0"; };\n'
    (directory / "rndc.conf").write_text(key)
    listen, other = (
        ("listen-on-v6", "listen-on") if ":" in address else ("listen-on", "listen-on-v6")
    )
    place = "::1" if ":" in address else "127.0.0.1"
    (directory / "named.conf").write_text(f"""\
{key}controls {{ inet {place} port 953 allow {{ any; }} keys {{ flush; }}; }};
options {{
    directory "{directory}";
    pid-file none;
    lock-file none;
    session-keyfile none;
    managed-keys-directory "{directory}";
    {listen} {{ {address}; }};
    {other} {{ none; }};
    recursion yes;
    allow-recursion {{ any; }};
    qname-minimization strict;
    dnssec-validation no;
    empty-zones-enable no;
}};
{variant.options}
zone "." {{ type hint; file "{hints}"; }};
""")
    only = "-6" if variant.family == "ipv6" else "-4"
    command = [require_program("named"), "-g", only, "-n", "1", "-c", str(directory / "named.conf")]
    return command, [rndc, "-k", str(directory / "rndc.conf"), "-s", place, "-p", "953"]
