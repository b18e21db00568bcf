"""The words of the log about targets."""

import io
import json
import logging

from rrdns.cli.logs import set_up
from rrdns.health.events import describe_change, describe_result, describe_target
from rrdns.health.state import TargetState, new_state, step
from rrdns.health.tally import Tally
from rrdns.targets import ProbeResult, ProbeSettings, Reason, Target, Verdict

SETTINGS = ProbeSettings()
TARGET = Target("2001:db8::1", SETTINGS)
BUSY = ProbeResult(Reason.BUSY, "banner", 421, 'too "many"')


def down() -> tuple[TargetState, TargetState]:
    before = step(new_state(1000.0), ProbeResult(Reason.OK, None, 250, "mx"), 1001.5, SETTINGS)
    once = step(before, BUSY, 1100.0, SETTINGS)
    return before, step(once, BUSY, 1100.5, SETTINGS)


def test_targets() -> None:
    assert describe_target(TARGET) == "address=2001:db8::1 port=25 check=ehlo"
    assert describe_target(TARGET, "server1/primary").endswith(" used_by=server1/primary")
    assert describe_target(TARGET, 'a b/"c"').endswith(r' used_by="a b/\"c\""')


def test_results() -> None:
    assert describe_result(ProbeResult(Reason.OK)) == "result=ok"
    assert describe_result(BUSY) == r'result=busy phase=banner code=421 text="too \"many\""'


def test_changes() -> None:
    before, after = down()
    assert describe_change(before, after) == (
        "state=down was=up was_seconds=99.000 result=busy phase=banner code=421"
        r' text="too \"many\""'
    )
    unprobed = TargetState(Verdict.UNKNOWN, 2000.0)
    assert describe_change(before, unprobed) == (
        "state=unknown was=up was_seconds=998.500 unrenewed_seconds=998.500"
    )


def test_json_has_them_as_fields() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        set_up("info", "json", stream)
        words = f"{describe_target(TARGET, 'server1/primary')} {describe_change(*down())}"
        logging.getLogger("rrdns.health").warning("event=target_state %s", words)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    found = json.loads(stream.getvalue())
    del found["time"]
    assert found == {
        "level": "warning",
        "logger": "rrdns.health",
        "event": "target_state",
        "address": "2001:db8::1",
        "port": "25",
        "check": "ehlo",
        "used_by": "server1/primary",
        "state": "down",
        "was": "up",
        "was_seconds": "99.000",
        "result": "busy",
        "phase": "banner",
        "code": "421",
        "text": 'too "many"',
    }


def test_a_tally() -> None:
    tally = Tally()
    assert list(tally.take()) == []
    tally.add("a", "first")
    tally.add("b", "other")
    tally.add("a", "second")
    assert list(tally.take()) == [("a", 2, "first"), ("b", 1, "other")]
    assert list(tally.take()) == []
