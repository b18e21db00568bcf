"""The page about operations lists the events of the log, all of them and no others."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_event_of_the_log_is_documented() -> None:
    sources = [path.read_text() for path in (ROOT / "rrdns").rglob("*.py")]
    events = {event for text in sources for event in re.findall(r"event=(\w+)", text)}
    # What becomes of an override is told by one line of code.
    events.discard("override_")
    owner = (ROOT / "rrdns/overriding.py").read_text()
    told = re.findall(r'_tell\("(\w+)"|"(\w+)" if place in held else "(\w+)"', owner)
    events |= {f"override_{word}" for words in told for word in words if word}
    page = (ROOT / "docs/operations.md").read_text()
    table = page.partition("| event | when |")[2]
    cells = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == events
