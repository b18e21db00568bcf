"""The status page: what it shows, and that nothing from outside becomes markup."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

from aiohttp import ClientSession
from support.web_stage import FakeBackend, on_tcp
from support.web_views import UNIX_NOW, cluster, host, make_view, member, state

from rrdns.health.select import Overrides
from rrdns.targets import Check, Health, Override, ProbeResult, Reason, TargetKey, Verdict
from rrdns.web import page, status
from rrdns.web.history import History
from rrdns.web.view import View

VOID = {"meta", "link", "rect", "br"}


class Reader(HTMLParser):
    """Reads a page, and fails where its elements are not closed as they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def render(view: View) -> str:
    found = status.summary(view), list(status.nodes(view)), list(status.hosts(view))
    return "".join(page.render(view, *found))


def read(view: View) -> Reader:
    reader = Reader()
    reader.feed(render(view))
    reader.close()
    assert reader.open == []
    return reader


def test_it_shows_nodes_hosts_shares_and_timings() -> None:
    text = read(cluster()).text
    assert "server2 primary 192.0.2.21:25 down not answered" in text
    assert "[2001:db8::21]:25 down answered" in text
    assert "timeout in banner 2 s ago connect 4 ms · banner 10000 ms" in text
    assert "ok 250 mx ready 2 s ago connect 1 ms · ehlo 2 ms" in text
    assert "not probed yet" in text
    assert "mx1.example.com. ipv4, 200 answers 192.0.2.11 60 % 192.0.2.21 40 %" in text
    assert "filtered domains 1" in text


def test_the_bars_are_as_long_as_the_shares() -> None:
    widths = [a["width"] for tag, a in read(cluster()).tags if tag == "rect" and "x" not in a]
    assert widths[:4] == ["100", "60.0", "100", "40.0"]


def test_the_strip_shows_the_last_hour_in_runs() -> None:
    history = History()
    one = host("mx1.example.com.", member("server1", "primary", "192.0.2.11"))
    for ago, found in ((7200, Health.UP), (1800, Health.DOWN), (600, Health.UP)):
        snapshot = make_view(one, out={"192.0.2.11": found}).snapshot
        history.note(snapshot, UNIX_NOW - ago)
    reader = read(make_view(one, history=history))
    runs = [
        (a["x"], a["width"], a["class"]) for tag, a in reader.tags if tag == "rect" and "x" in a
    ]
    assert runs == [("0", "30", "up"), ("30", "21", "down"), ("51", "9", "up")]
    assert "down in 21 of the last 60 minutes" in reader.text


def test_trouble_has_a_banner() -> None:
    one = host("mx1.example.com.", member("server1", "primary", "192.0.2.11"))
    calm = read(make_view(one)).text
    for word in ("fails open", "degraded", "forced", "refused"):
        assert word not in calm
    down = {"192.0.2.11": Health.DOWN}
    assert (
        "mx1.example.com. (ipv4) fails open" in read(make_view(one, out=down, failopen=True)).text
    )
    view = make_view(one, out=down)
    assert "mx1.example.com. (ipv4) is degraded" in read(view).text
    assert "<title>(1) rrdns</title>" in render(view)
    held = Override(Verdict.DOWN, UNIX_NOW - 60, UNIX_NOW + 3600, "new disks")
    text = read(replace(make_view(one), overrides={("server1", None): held})).text
    assert "server1 is forced down : new disks, until 2025-11-24 17:00 UTC" in text
    assert "down (forced)" in text
    lasting: Overrides = {("server1", "primary"): Override(Verdict.UP, UNIX_NOW)}
    text = read(replace(make_view(one), overrides=lasting)).text
    assert "server1/primary is forced up : no reason given" in text
    refused = replace(view.reload, last_successful=False, last_error="a:1:1: no\nb:2:2: no")
    assert "was refused : a:1:1: no (and 1 more)" in read(replace(view, reload=refused)).text
    assert "not ready yet" in read(replace(view, ready=False)).text
    assert "a loop sleeps" in read(replace(view, troubles=("a loop sleeps",))).text


def test_a_family_without_an_answer_says_so() -> None:
    one = host(
        "mx1.example.com.",
        member("server1", "primary", "192.0.2.11"),
        member("server1", "primary", "2001:db8::1"),
    )
    text = read(make_view(one, out={"2001:db8::1": Health.DOWN})).text
    assert "NODATA: the other family answers" in text


def test_nothing_from_outside_becomes_markup() -> None:
    evil = "<script>alert('1')</script>&\""
    one = host("mx1.example.com.", member(evil, evil, "192.0.2.11"))
    view = make_view(
        one,
        states={
            TargetKey("192.0.2.11", 25, Check.EHLO): state(
                Verdict.UP, ProbeResult(Reason.OK, evil, 250, evil, {evil: 0.1})
            )
        },
        overrides={(evil, evil): Override(Verdict.UP, UNIX_NOW, None, evil)},
    )
    refused = replace(view.reload, last_successful=False, last_error=evil)
    reader = read(replace(view, reload=refused))
    assert sum(tag == "script" for tag, _ in reader.tags) == 1
    assert reader.text.count("alert(") == 9


def test_of_very_many_nodes_those_in_trouble_are_shown() -> None:
    members = [
        member(f"server{number}", "primary", f"10.0.{number // 250}.{number % 250 + 1}")
        for number in range(page.MAX_ROWS + 20)
    ]
    last = members[-1].target
    view = make_view(
        host("mx1.example.com.", *members),
        states={
            one.target.key: state(Verdict.DOWN if one.target is last else Verdict.UP)
            for one in members
        },
    )
    reader = read(view)
    assert sum(tag == "tr" for tag, _ in reader.tags) == page.MAX_ROWS + 1
    assert f"{last.address}:25 down" in reader.text
    assert "20 more that are up" in reader.text


def test_it_is_served_with_a_policy_that_lets_in_nothing_else() -> None:
    async def check(session: ClientSession) -> None:
        async with session.get("/") as response:
            assert (response.status, response.content_type) == (200, "text/html")
            policy = response.headers["Content-Security-Policy"]
            text = await response.text()
        assert policy.startswith("default-src 'none'")
        for tag in ("style", "script"):
            (inline,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        # No address but its own, and no attribute that the policy would have to allow.
        assert not re.search(r"(?:src|href)=\"(?!data:,|/)", text)
        assert not re.search(r"\son\w+=|\sstyle=", text)

    on_tcp(check, FakeBackend(cluster()))
