"""The file of cookie secrets; what is wrong with one is told without telling the secret."""

import logging
from pathlib import Path

import pytest

from rrdns.errors import ConfigError, UnreadableError
from rrdns.loading import load

FIRST, SECOND = bytes(range(16)), bytes(range(16, 32))
CONFIGURATION = """\
server: {http: null, control: c.sock, state_directory: null, cookie_secrets: secrets}
nodes: {server1: {primary: 192.0.2.11}}
zones:
  example.com:
    nameservers: {ns1: 198.51.100.53, ns2: 203.0.113.53}
    hosts: {mx1: {role: primary}, mx2: {role: primary}}
"""


def secrets_of(directory: Path, text: bytes | None) -> tuple[bytes, ...]:
    (directory / "rrdns.yaml").write_text(CONFIGURATION)
    if text is not None:
        (directory / "secrets").write_bytes(text)
    return load(directory / "rrdns.yaml").config.server.cookie_secrets


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (FIRST.hex().encode(), (FIRST,)),
        (f"{FIRST.hex()}\n{SECOND.hex().upper()}\n".encode(), (FIRST, SECOND)),
        (f"# ours\r\n\r\n  {FIRST.hex()}  # since May\r\n".encode(), (FIRST,)),
        ("# \u00fc, in any encoding\n".encode("latin-1") + FIRST.hex().encode(), (FIRST,)),
    ],
)
def test_a_secret_a_line(tmp_path: Path, text: bytes, secrets: tuple[bytes, ...]) -> None:
    assert secrets_of(tmp_path, text) == secrets


@pytest.mark.parametrize(
    "line",
    [FIRST.hex()[:-1], FIRST.hex() + "0", "g" * 32, "0x" + FIRST.hex(), "\u0660" * 32,
     FIRST.hex() + " " + SECOND.hex()],
)  # fmt: skip
def test_a_bad_line_is_told_by_its_number_and_nothing_of_it(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError) as caught:
        secrets_of(tmp_path, f"{SECOND.hex()}\n\n{line}\n".encode())
    told = str(caught.value)
    assert "secrets:3:1: a secret has 32 hexadecimal digits" in told
    assert line[:8] not in told + caplog.text


@pytest.mark.parametrize("text", [b"", b"\n\n", b"# nothing\n"])
def test_a_file_without_a_secret_is_an_error(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ConfigError, match="has no secret: write 32 hexadecimal digits into it"):
        secrets_of(tmp_path, text)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        (ConfigError, UnreadableError), match=r"cannot read .*secrets: No such file"
    ):
        secrets_of(tmp_path, None)


def test_secrets_are_not_in_what_is_printed_of_a_configuration(tmp_path: Path) -> None:
    secrets_of(tmp_path, FIRST.hex().encode())
    config = load(tmp_path / "rrdns.yaml").config
    assert FIRST.hex() not in repr(config)
    assert repr(FIRST) not in repr(config)
