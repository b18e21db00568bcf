"""The status page as HTML: the document of the API, drawn for a person's eyes.

Everything is in the page itself: no other request is needed, and without JavaScript the browser
reloads it. Whatever comes from outside (a peer's reply, a reason) is escaped.
"""

import base64
import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources
from typing import Any, Final

from rrdns import __version__
from rrdns.targets import Health
from rrdns.web.history import SEGMENTS, History
from rrdns.web.view import View

Document = dict[str, Any]

MAX_ROWS: Final = 500
_RELOAD_SECONDS: Final = 10


def _resource(name: str) -> str:
    return resources.files("rrdns.web").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_CSS: Final = _resource("page.css")
_JS: Final = _resource("page.js")
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_digest(_CSS)}'; script-src 'sha256-{_digest(_JS)}';"
    " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


def render(
    view: View, summary: Document, nodes: Sequence[Document], hosts: Sequence[Document]
) -> Iterator[str]:
    """Yield the page in pieces, each of them small; the documents are those of the API."""
    yield from _begin(summary, _facts(view, summary), hosts)
    yield from _nodes(nodes, view.history, view.unix_now)
    yield _end()


def _facts(view: View, summary: Document) -> dict[str, str]:
    return {
        "filtered domains": f"{summary['domains']:,}",
        "generation": str(summary["generation"]),
        "configuration loaded": f"{_age(view.unix_now - summary['config']['loaded'])} ago",
        "running for": _age(view.unix_now - view.started_at),
        "loops": "; ".join(view.troubles) or "making progress",
        "version": f"{__version__}, {view.executor} executor",
        "as of": time.strftime("%H:%M:%S UTC", time.gmtime(view.unix_now)),
    }


def _begin(summary: Document, facts: dict[str, str], hosts: Sequence[Document]) -> Iterator[str]:
    trouble = sum(host["failopen"] or host["degraded"] for host in hosts)
    title = f"({trouble}) rrdns" if trouble else "rrdns"
    # An empty icon spares the browser a request for one.
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<noscript><meta http-equiv="refresh" content="{_RELOAD_SECONDS}"></noscript>
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{_CSS}</style>
</head>
<body>
<main>
<header><h1>rrdns</h1><span>{"answering" if summary["ready"] else "not ready yet"}</span>
</header>
<dl class="facts">"""
    for name, value in facts.items():
        yield f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
    yield "</dl>\n"
    yield from _banners(summary, hosts)
    yield '<h2>Hosts: who leads the answers</h2>\n<div class="hosts">\n'
    for host in hosts:
        yield _host(host)
    yield "</div>\n"


def _nodes(entries: Sequence[Document], history: History, now: float) -> Iterator[str]:
    shown = entries
    # Of very many those in trouble, and as many others as fit.
    if len(entries) > MAX_ROWS:
        shown = sorted(entries, key=lambda entry: entry["state"] == "up" and not entry["override"])
        shown = shown[:MAX_ROWS]
    yield """<h2>Nodes</h2>
<table>
<thead><tr><th>node</th><th>address</th><th>state</th><th>since</th><th>last hour</th>
<th>last result</th></tr></thead>
<tbody>
"""
    for entry in shown:
        yield _node(entry, history, now)
    yield "</tbody>\n</table>\n"
    if len(shown) < len(entries):
        more = len(entries) - len(shown)
        yield f'<p class="soft">{more} more that are up: /api/v1/status has all of them.</p>\n'


def _end() -> str:
    return f"""</main>
<footer><span id="stale"></span> <a href="/api/v1/status">JSON</a> · <a href="/metrics">metrics</a>
</footer>
<script>{_JS}</script>
</body>
</html>
"""


# --- parts ------------------------------------------------------------------------------------


def _banners(summary: Document, hosts: Iterable[Document]) -> Iterator[str]:
    if summary["config"]["last_error"]:
        first, _, more = summary["config"]["last_error"].partition("\n")
        count = f" (and {len(more.splitlines())} more)" if more else ""
        yield _banner("", "The last reload was refused", f"{first}{count}")
    for host in hosts:
        name = f"{host['host']} ({host['family']})"
        if host["failopen"]:
            yield _banner(
                "", f"{name} fails open", "too few are healthy: all addresses are answered"
            )
        elif host["degraded"]:
            yield _banner(
                "degraded",
                f"{name} is degraded",
                "none of its own addresses is healthy: honest senders go on to the next MX",
            )
    for override in summary["overrides"]:
        whom = override["node"] + (f"/{override['role']}" if override["role"] else "")
        words = [override["reason"] or "no reason given"]
        if override["until"] is not None:
            words.append(f"until {_clock(override['until'])}")
        yield _banner("forced", f"{whom} is forced {override['state']}", ", ".join(words))


def _banner(kind: str, title: str, text: str) -> str:
    classes = f"banner {kind}".strip()
    return f'<p class="{classes}" role="status"><b>{escape(title)}</b>: {escape(text)}</p>\n'


def _host(host: Document) -> str:
    leads = host["leads"]
    total = sum(leads.values())
    rows = []
    for address in leads:
        percent = 100 * leads[address] / total if total else 0
        mark = "" if address in host["addresses"] else ' class="out"'
        rows.append(
            f"<span{mark}>{escape(address)}</span><b>{percent:.0f} %</b>"
            f'<svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect width="100" height="4"/>'
            f'<rect class="up" width="{percent:.1f}" height="4"/></svg>'
        )
    empty = "" if host["addresses"] else '<p class="soft">NODATA: the other family answers</p>'
    return (
        f'<section class="card"><h3>{escape(host["host"])}'
        f' <span class="soft">{host["family"]}, {total} answers</span></h3>'
        f'<div class="share">{"".join(rows)}</div>{empty}</section>\n'
    )


def _node(entry: Document, history: History, now: float) -> str:
    place = (entry["node"], entry["role"], entry["address"], entry["port"])
    address = f"[{entry['address']}]" if ":" in entry["address"] else entry["address"]
    forced = entry["override"] is not None
    state = entry["state"] + (" (forced)" if forced else "")
    answered = "answered" if entry["in_rotation"] else "not answered"
    return (
        f'<tr><td>{escape(entry["node"])} <span class="soft">{escape(entry["role"])}</span></td>'
        f"<td>{escape(address)}:{entry['port']}</td>"
        f'<td><span class="state {"forced" if forced else entry["state"]}">{state}</span>'
        f' <span class="soft">{answered}</span></td>'
        f"<td>{_age(now - entry['since'])}</td>"
        f'<td class="wide">{_strip(history.strip(place, now))}</td>'
        f'<td class="wide">{_last(entry["last"], now)}</td></tr>\n'
    )


def _strip(states: Sequence[Health | None]) -> str:
    runs: list[tuple[int, int, Health | None]] = []
    for index, state in enumerate(states):
        if runs and runs[-1][2] is state:
            runs[-1] = (runs[-1][0], index + 1, state)
        else:
            runs.append((index, index + 1, state))
    rects = "".join(
        f'<rect x="{start}" width="{stop - start}" height="8" class="{state or "none"}"/>'
        for start, stop, state in runs
    )
    down = sum(state is Health.DOWN for state in states)
    label = (
        f"down in {down} of the last {SEGMENTS} minutes" if down else "never down in the last hour"
    )
    return (
        f'<svg class="strip" viewBox="0 0 {SEGMENTS} 8" preserveAspectRatio="none" role="img"'
        f' aria-label="{label}"><title>{label}</title>{rects}</svg>'
    )


def _last(last: Document | None, now: float) -> str:
    if last is None:
        return '<span class="soft">not probed yet</span>'
    words = [last["result"]]
    words += [f"in {last['phase']}"] if last["phase"] else []
    words += [str(last["code"])] if last["code"] is not None else []
    words += [last["text"]] if last["text"] else []
    phases = " · ".join(f"{phase} {1000 * took:.0f} ms" for phase, took in last["seconds"].items())
    return (
        f'{escape(" ".join(words))} <span class="soft">{_age(now - last["at"])} ago</span>'
        f'<br><span class="phases">{escape(phases)}</span>'
    )


def _age(seconds: float) -> str:
    whole = max(0, round(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
