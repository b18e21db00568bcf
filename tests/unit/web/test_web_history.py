"""The strips of the last hour: the worst of each minute, and no more memory than that takes."""

from dataclasses import replace

from support.web_views import UNIX_NOW, host, make_view, member

from rrdns.model import Snapshot
from rrdns.targets import Health
from rrdns.web.history import SEGMENT_SECONDS, SEGMENTS, History

PLACE = ("server1", "primary", "192.0.2.11", 25)
HOUR = SEGMENTS * SEGMENT_SECONDS
UP, DOWN, UNKNOWN = Health.UP, Health.DOWN, Health.UNKNOWN


def snapshot(state: Health, *more: str) -> Snapshot:
    members = [member("server1", "primary", "192.0.2.11")]
    members += [member("server2", "primary", address) for address in more]
    return make_view(host("mx1.example.com.", *members), out={"192.0.2.11": state}).snapshot


def history(*changes: tuple[float, Health]) -> History:
    found = History()
    for ago, state in changes:
        found.note(snapshot(state), UNIX_NOW - ago)
    return found


def test_a_strip_begins_when_something_was_known() -> None:
    strip = history((120, UP)).strip(PLACE, UNIX_NOW)
    assert strip == (None,) * (SEGMENTS - 2) + (UP, UP)


def test_a_minute_shows_its_worst() -> None:
    strip = history((HOUR * 2, UP), (330, DOWN), (320, UP), (200, UNKNOWN), (190, UP)).strip(
        PLACE, UNIX_NOW
    )
    assert strip[-6:] == (DOWN, UP, UNKNOWN, UP, UP, UP)
    assert set(strip[:-6]) == {UP}


def test_what_lasts_is_shown_in_every_minute() -> None:
    strip = history((HOUR * 3, UP), (HOUR / 2, DOWN)).strip(PLACE, UNIX_NOW)
    assert strip == (UP,) * 30 + (DOWN,) * 30


def test_equal_states_are_one_and_old_ones_are_forgotten() -> None:
    found = history(*((HOUR * 2 - second, UP) for second in range(50)))
    assert len(found._changes[PLACE]) == 1
    for minute in range(200):
        found.note(snapshot(DOWN if minute % 2 else UP), UNIX_NOW + minute * SEGMENT_SECONDS)
    assert len(found._changes[PLACE]) <= SEGMENTS + 2
    for flap in range(2000):
        found.note(snapshot(DOWN if flap % 2 else UP), UNIX_NOW + HOUR * 4 + flap)
    assert len(found._changes[PLACE]) == 240


def test_an_address_that_left_is_forgotten() -> None:
    found = History()
    found.note(snapshot(UP, "192.0.2.21"), UNIX_NOW)
    assert ("server2", "primary", "192.0.2.21", 25) in found._changes
    found.note(snapshot(UP), UNIX_NOW + 1)
    assert found._changes.keys() == {PLACE}
    assert set(found.strip(("server2", "primary", "192.0.2.21", 25), UNIX_NOW + 2)) == {None}


def test_a_clock_that_was_set_back_breaks_nothing() -> None:
    found = history((0, UP))
    found.note(snapshot(DOWN), UNIX_NOW - 2 * HOUR)
    assert len(found.strip(PLACE, UNIX_NOW - HOUR)) == SEGMENTS
    assert len(found.strip(PLACE, UNIX_NOW - 3 * HOUR)) == SEGMENTS


def test_a_forced_state_counts_as_it_is_answered() -> None:
    view = make_view(host("mx1.example.com.", member("server1", "primary", "192.0.2.11")))
    (key, *_) = (key for key, found in view.snapshot.answers.items() if found.selection.choices)
    answer = view.snapshot.answers[key]
    choice = replace(answer.selection.choices[0], health=DOWN)
    forced = replace(answer, selection=replace(answer.selection, choices=(choice,)))
    found = History()
    found.note(replace(view.snapshot, answers={key: forced}), UNIX_NOW - 30)
    assert found.strip(PLACE, UNIX_NOW)[-1] is DOWN
