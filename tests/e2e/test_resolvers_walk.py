"""dig goes the way from the root by itself, and asks every name server of a zone."""

import re
from collections.abc import Iterator

import pytest
from support.programs import require_program
from support.resolvers import UNBOUND, resolver
from support.small_internet import (
    HOSTER,
    NS1,
    NS2,
    REGISTRY,
    RESOLVERS,
    ROOT,
    SmallInternet,
    behind,
    small_internet,
)

OURS = {*NS1, *NS2}


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallInternet]:
    """With a resolver, which dig asks for the addresses of the name servers that it meets."""
    directory = tmp_path_factory.mktemp("internet")
    (directory / "resolv.conf").write_text(f"nameserver {RESOLVERS['unbound'][0]}\n")
    with small_internet(directory) as running, resolver(UNBOUND, running):
        yield running


def _dig(internet: SmallInternet, *words: str) -> str:
    # A mount namespace as well: dig cannot be told another resolv.conf.
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    own = [require_program("unshare"), "--mount", "sh", "-c", script]
    path = str(internet.directory / "resolv.conf")
    return internet.users.run(*own, path, require_program("dig"), *words)


@pytest.mark.parametrize(
    ("name", "rrtype", "between", "values"),
    [
        (
            "customer.test",
            "MX",
            [REGISTRY],
            {f"{10 * number} mx{number}.example.com." for number in (1, 2, 3, 4)},
        ),
        ("mx1.example.com", "AAAA", [REGISTRY], behind("primary", "AAAA")),
        ("mx4.corp.test", "A", [REGISTRY, HOSTER], behind("legacy", "A")),
    ],
)
@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_dig_traces_from_the_root(
    internet: SmallInternet,
    way: str,
    name: str,
    rrtype: str,
    between: list[tuple[str, str]],
    values: set[str],
) -> None:
    text = _dig(internet, f"@{ROOT[0]}", "+trace", way, name, rrtype)
    # The first reply lists the servers of the root; from there on each is asked in turn.
    asked = re.findall(r"^;; Received \d+ bytes from ([^#]+)#53", text, re.MULTILINE)
    for server, known in zip(asked, [ROOT, ROOT, *between, OURS], strict=True):
        assert server in known, text
    answer = re.findall(rf"^{re.escape(name)}\.\s+\d+\s+IN\s+{rrtype}\s+(.+)$", text, re.MULTILINE)
    assert sorted(answer) == sorted(values)
    assert "BAD" not in text


@pytest.mark.parametrize("zone", ["example.com", "customer.test", "shop.com", "mx1.corp.test"])
def test_all_name_servers_of_a_zone_have_the_same_soa(internet: SmallInternet, zone: str) -> None:
    text = _dig(internet, f"@{RESOLVERS['unbound'][0]}", "+nssearch", zone)
    found = re.findall(r"^SOA (.+) from server (\S+) in \d+ ms\.$", text, re.MULTILINE)
    assert sorted(server for _, server in found) == sorted(OURS)
    assert len({soa for soa, _ in found}) == 1
    assert found[0][0].startswith("ns1.example.com. hostmaster.")
