"""Log lines: what a record becomes as text and as JSON."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from rrdns.cli import logs

log = logging.getLogger("rrdns.test")


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_text_line_has_its_message_bare_between_key_value_pairs() -> None:
    stream = io.StringIO()
    logs.set_up("info", "text", stream)
    log.info('ready listen=%s text="a b"', "127.0.0.1:53", extra={"node": "server 1", "why": ""})
    line = stream.getvalue()
    assert line.startswith("time=2")
    assert line.endswith(
        'Z level=info logger=rrdns.test ready listen=127.0.0.1:53 text="a b"'
        ' node="server 1" why=""\n'
    )


def test_a_record_stays_on_one_line_whatever_it_says() -> None:
    stream = io.StringIO()
    logs.set_up("info", "text", stream)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("broken\nby\x1b[31m a peer")
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line
    assert 'broken\\nby\\x1b[31m a peer exception="Traceback' in line


def test_a_json_line_is_a_document_with_the_extras() -> None:
    stream = io.StringIO()
    logs.set_up("debug", "json", stream)
    log.debug("ready now=1", extra={"listen": ["127.0.0.1:53"]})
    document = json.loads(stream.getvalue())
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "debug",
        "logger": "rrdns.test",
        "msg": "ready now=1",
        "listen": ["127.0.0.1:53"],
    }


@pytest.mark.parametrize(
    ("message", "keys"),
    [
        ("event=down code=421", {"event": "down", "code": "421"}),
        ('text="it \\"hurts\\" a lot" empty=', {"text": 'it "hurts" a lot', "empty": ""}),
        ('text="no \\y escape"', {"text": '"no \\y escape"'}),
    ],
)
def test_a_json_line_has_the_keys_of_a_message_of_pairs(message: str, keys: dict[str, str]) -> None:
    stream = io.StringIO()
    logs.set_up("debug", "json", stream)
    log.info(message)
    document = json.loads(stream.getvalue())
    assert {key: document[key] for key in keys} == keys
    assert "msg" not in document


def test_lower_levels_are_left_out() -> None:
    stream = io.StringIO()
    logs.set_up("warning", "text", stream)
    log.info("hidden")
    assert stream.getvalue() == ""
