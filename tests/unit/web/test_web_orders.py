import json
from typing import Any

import pytest

from rrdns.health.overrides import Order
from rrdns.targets import Verdict
from rrdns.web.orders import MAX_REASON_CHARACTERS, read_order


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ({"state": "down"}, Order("a", Verdict.DOWN)),
        ({"state": "up", "for": None, "reason": None}, Order("a", Verdict.UP)),
        ({"state": "auto", "reason": "done"}, Order("a", None, None, "done")),
        ({"state": "down", "for": "2h"}, Order("a", Verdict.DOWN, 7200.0)),
        ({"state": "down", "for": 90}, Order("a", Verdict.DOWN, 90.0)),
        ({"state": "down", "for": 1.5}, Order("a", Verdict.DOWN, 1.5)),
        ({"state": "down", "for": "366d"}, Order("a", Verdict.DOWN, 366 * 86400.0)),
        ({"state": "down", "reason": "grüß \"'"}, Order("a", Verdict.DOWN, None, "grüß \"'")),
    ],
)
def test_orders(body: dict[str, Any], order: Order) -> None:
    assert read_order("a", json.dumps(body).encode()) == order


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b"[]", "must be an object"),
        (b'"down"', "must be an object"),
        (b"{}", "state must be down, up or auto, not null"),
        (b'{"state": "Down"}', 'not "Down"'),
        (b'{"state": true}', "not true"),
        (b'{"state": ["down"]}', r'not ["down"]'),
        (b'{"state": "down", "till": "2h"}', "unknown key 'till': there are state, for and reason"),
        (b'{"state": "down", "for": "soon"}', "for must be a duration"),
        (b'{"state": "down", "for": ""}', "for must be a duration"),
        (b'{"state": "down", "for": "0s"}', "for must be from 1s to 366d, not 0s"),
        (b'{"state": "down", "for": "999d"}', "for must be from 1s to 366d"),
        (b'{"state": "down", "for": -5}', "for must be a duration"),
        (b'{"state": "down", "for": NaN}', "for must be a duration"),
        (b'{"state": "down", "for": 1e99}', "for must be a duration"),
        (b'{"state": "down", "for": true}', "for must be a duration such as 2h, not true"),
        (b'{"state": "down", "for": ["2h"]}', "for must be a duration"),
        (b'{"state": "auto", "for": "2h"}', "for goes with down and up"),
        (b'{"state": "down", "reason": 5}', "reason must be text, not 5"),
        (b'{"state": "down", "reason": "a\\nb"}', "one line of printable text"),
        (b'{"state": "down", "reason": "\\u001b[31m"}', "one line of printable text"),
        (b'{"state": "down", "reason": "\\ud800"}', "one line of printable text"),
        (
            json.dumps({"state": "down", "reason": "x" * (MAX_REASON_CHARACTERS + 1)}).encode(),
            "up to 200 characters",
        ),
    ],
)
def test_what_is_no_order_is_refused_with_the_reason(body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_order("a", body)
    assert words in str(caught.value)
