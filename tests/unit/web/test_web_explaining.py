from dataclasses import replace

from support.web_views import UNIX_NOW, cluster, host, make_view, member

from rrdns.health.select import Overrides, select
from rrdns.health.state import health
from rrdns.model import HostAnswer
from rrdns.targets import Check, Override, Verdict
from rrdns.web.explaining import explanation
from rrdns.web.view import View
from rrdns.web.words import age_text, left_text


def selected(overrides: Overrides) -> View:
    """The cluster with the selections that its states and these overrides lead to."""
    view = cluster()
    healths = {key: health(state) for key, state in view.states.items()}
    answers = {
        (host.name, family.rrtype): HostAnswer(
            selection, (tuple(member.target.packed for member in selection.selected),)
        )
        for host in view.config.hosts()
        for family, selection in select(host, healths, overrides).items()
    }
    return replace(view, snapshot=replace(view.snapshot, answers=answers), overrides=overrides)


def test_each_address_of_a_host_tells_of_its_probes_and_its_override() -> None:
    override = Override(Verdict.DOWN, UNIX_NOW - 300, UNIX_NOW + 7200, "new disks")
    found = explanation(selected({("server1", None): override}), "MX1.example.com", "a")
    assert (found["name"], found["type"], found["rcode"]) == ("mx1.example.com.", "A", "NOERROR")
    first, second = found["host"]["addresses"]
    assert (first["address"], first["state"]) == ("192.0.2.11", "down")
    assert first["override"]["reason"] == "new disks"
    assert first["probed"] == {"state": "up", "since": UNIX_NOW - 60}
    assert second["last"]["phase"] == "banner"
    assert second["override"] is None
    lines = [line for line in found["text"] if "server" in line]
    assert lines[0].endswith(
        "; set 5m ago, for another 2h, probes say up for 1m, the last one 2s ago: ok 250 mx ready"
    )
    assert lines[1].endswith("; probes say down for 1m, the last one 2s ago: timeout in banner")


def test_an_override_without_an_end_and_a_target_that_was_not_probed() -> None:
    view = selected({("mx4.example.com", "address"): Override(Verdict.UP, UNIX_NOW)})
    found = explanation(view, "mx4.example.com.", "A")
    (line,) = [line for line in found["text"] if "203.0.113.10" in line and "mx4" in line][:1]
    assert line.endswith("; set 0s ago, probes say unknown for 1m")


def test_a_target_that_is_never_checked_says_so() -> None:
    mx1 = host("mx1.example.com.", member("server1", "primary", "192.0.2.11", check=Check.NONE))
    (entry,) = (
        line
        for line in explanation(make_view(mx1), "mx1.example.com", "A")["text"]
        if "server1" in line
    )
    assert entry.endswith("; never checked")


def test_what_has_no_host_has_no_addresses() -> None:
    found = explanation(cluster(), "www.example.net", "MX")
    assert (found["rcode"], found["host"]) == ("REFUSED", None)
    assert found["text"][0].startswith("www.example.net. MX: REFUSED")


def test_ages_are_in_their_largest_unit() -> None:
    assert [age_text(age) for age in (-1, 0.4, 59, 60, 7199, 7200, 90000)] == [
        "0s", "0s", "59s", "1m", "1h", "2h", "1d",
    ]  # fmt: skip
    assert [left_text(left) for left in (-1, 59, 60, 7199, 7200, 90061)] == [
        "0s", "59s", "1m", "1h59m", "2h", "1d1h",
    ]  # fmt: skip
