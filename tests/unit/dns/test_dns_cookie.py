"""Server cookies against the vectors of RFC 9018, appendix A, and the rules of its section 4."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrdns.dns.cookie import is_valid, reply_option, server_cookie, siphash24

SECRET = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
OLD_SECRET = bytes.fromhex("dd3bdf9344b678b185a6f5cb60fca715")
NEW_SECRET = bytes.fromhex("445536bcd2513298075a5d379663c962")
CLIENT_4 = ipaddress.ip_address("198.51.100.100").packed
CLIENT_6 = ipaddress.ip_address("2001:db8:220:1:59de:d0f4:8769:82b8").packed
COOKIE = bytes.fromhex("2464c4abcf10c957")
NOW = 0x5CF79F11


@pytest.mark.parametrize(
    ("client_cookie", "client", "now", "secret", "expected"),
    [
        ("2464c4abcf10c957", CLIENT_4, NOW, SECRET, "010000005cf79f111f8130c3eee29480"),
        ("22681ab97d52c298", CLIENT_6, 0x5CF7C579, OLD_SECRET, "010000005cf7c57926556bd0934c72f8"),
        ("22681ab97d52c298", CLIENT_6, 0x5CF7C609, NEW_SECRET, "010000005cf7c609a6bb79d16625507a"),
    ],
)
def test_the_rfc_s_cookies(
    client_cookie: str, client: bytes, now: int, secret: bytes, expected: str
) -> None:
    made = server_cookie(bytes.fromhex(client_cookie), client, now, secret)
    assert made.hex() == expected


def test_the_rfc_s_cookie_with_reserved_bits_set_is_valid() -> None:
    cookie = bytes.fromhex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5")
    client = ipaddress.ip_address("203.0.113.203").packed
    assert is_valid(cookie, client, 0x5CF78F71, [SECRET])


def test_siphash_s_own_vector() -> None:
    # The example of the SipHash paper, appendix A.
    assert siphash24(bytes(range(16)), bytes(range(15))).hex() == "e545be4961ca29a1"


MADE = COOKIE + server_cookie(COOKIE, CLIENT_4, NOW, SECRET)


@pytest.mark.parametrize(
    ("seconds", "valid"), [(0, True), (3600, True), (3601, False), (-300, True), (-301, False)]
)
def test_a_cookie_lives_for_an_hour_and_five_minutes_of_skew(seconds: int, valid: bool) -> None:
    assert is_valid(MADE, CLIENT_4, NOW + seconds, [SECRET]) is valid


def test_what_is_no_cookie_of_ours() -> None:
    assert not is_valid(COOKIE, CLIENT_4, NOW, [SECRET])
    assert not is_valid(MADE[:-1], CLIENT_4, NOW, [SECRET])
    assert not is_valid(MADE, CLIENT_6, NOW, [SECRET])
    assert not is_valid(MADE, CLIENT_4, NOW, [OLD_SECRET])
    assert not is_valid(MADE, CLIENT_4, NOW, [])
    assert not is_valid(COOKIE + b"\x02" + MADE[9:], CLIENT_4, NOW, [SECRET])
    assert is_valid(MADE, CLIENT_4, NOW, [NEW_SECRET, SECRET])


def test_the_timestamp_wraps() -> None:
    made = COOKIE + server_cookie(COOKIE, CLIENT_4, 2**32 - 1, SECRET)
    assert is_valid(made, CLIENT_4, 2**32 + 5, [SECRET])


def test_a_young_cookie_comes_back_and_an_old_one_is_renewed() -> None:
    assert reply_option(MADE, CLIENT_4, NOW + 1800, [SECRET]) == MADE
    renewed = reply_option(MADE, CLIENT_4, NOW + 1801, [SECRET])
    assert renewed == COOKIE + server_cookie(COOKIE, CLIENT_4, NOW + 1801, SECRET)


def test_a_cookie_of_the_secret_before_is_renewed_with_the_one_that_signs() -> None:
    reply = reply_option(MADE, CLIENT_4, NOW, [NEW_SECRET, SECRET])
    assert reply == COOKIE + server_cookie(COOKIE, CLIENT_4, NOW, NEW_SECRET)


@given(st.binary(min_size=8, max_size=40), st.sampled_from([CLIENT_4, CLIENT_6]))
def test_every_reply_is_valid(cookie: bytes, client: bytes) -> None:
    reply = reply_option(cookie, client, NOW, [SECRET])
    assert reply[:8] == cookie[:8]
    assert is_valid(reply, client, NOW, [SECRET])
