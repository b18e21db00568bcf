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


def test_a_text_line_has_key_value_pairs_and_quotes_what_needs_it() -> None:
    stream = io.StringIO()
    logs.set_up("info", "text", stream)
    log.info("node is %s", "down", extra={"node": "server1", "reason": ""})
    line = stream.getvalue()
    assert line.startswith("time=2")
    assert line.endswith('level=info logger=rrdns.test msg="node is down" node=server1 reason=""\n')


def test_a_record_stays_on_one_line() -> None:
    stream = io.StringIO()
    logs.set_up("info", "text", stream)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("broken")
    (line,) = stream.getvalue().splitlines()
    assert 'msg=broken exception="Traceback' in line


def test_a_json_line_is_a_document_with_the_extras() -> None:
    stream = io.StringIO()
    logs.set_up("debug", "json", stream)
    log.debug("ready", extra={"listen": ["127.0.0.1:53"]})
    document = json.loads(stream.getvalue())
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "debug",
        "logger": "rrdns.test",
        "msg": "ready",
        "listen": ["127.0.0.1:53"],
    }


def test_lower_levels_are_left_out() -> None:
    stream = io.StringIO()
    logs.set_up("warning", "text", stream)
    log.info("hidden")
    assert stream.getvalue() == ""
