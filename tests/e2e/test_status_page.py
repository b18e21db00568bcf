"""The status page in a real browser: with JavaScript it refreshes itself, without it is whole."""

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from support.programs import require_program
from support.web_stage import FakeBackend
from support.web_views import cluster

from rrdns.web.app import make_app

# What a browser of Debian's asks of its makers is kept from it: it may only see this server.
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--disable-dev-shm-usage",
]  # fmt: skip


class Server:
    """Serves the application, and keeps what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.backend = FakeBackend(cluster())
        self.port = 0
        self.policy: str | None = None

    @web.middleware
    async def note(self, request: web.Request, handler: object) -> web.StreamResponse:
        self.asked.append(request.path)
        now = self.backend.now
        self.backend.now = replace(now, generation=now.generation + 1)
        response: web.StreamResponse = await handler(request)  # type: ignore[operator]
        if self.policy is not None:
            response.headers["Content-Security-Policy"] = self.policy
        return response


@contextmanager
def serving() -> Iterator[Server]:
    server, ready, loop = Server(), threading.Event(), asyncio.new_event_loop()

    async def start() -> None:
        app = make_app(server.backend, control=False)
        app.middlewares.append(server.note)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.port = runner.addresses[0][1]
        ready.set()

    def run() -> None:
        loop.create_task(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield server
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)


def browse(server: Server, directory: Path, *options: str) -> str:
    """Return the document as the browser has it in the end."""
    words = [
        require_program("chromium"),
        *CHROMIUM,
        f"--user-data-dir={directory / 'profile'}",
        *options,
        "--dump-dom",
        f"http://127.0.0.1:{server.port}/",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_refreshes_itself_and_asks_for_nothing_else(tmp_path: Path) -> None:
    with serving() as server:
        # The browser's clock runs ahead of ours, over two refreshes.
        found = browse(server, tmp_path, "--virtual-time-budget=11500")
    assert len(server.asked) >= 2
    assert set(server.asked) == {"/"}
    # Each request had another generation: the last one's is shown.
    assert f"<dd>{7 + len(server.asked)}</dd>" in found
    assert '<span id="stale"></span>' in found


def test_it_is_whole_without_javascript(tmp_path: Path) -> None:
    with serving() as server:
        # Only a browser with scripts prints its document: so the page's own are forbidden.
        server.policy = "script-src 'none'"
        found = browse(server, tmp_path, "--virtual-time-budget=11500")
    assert server.asked == ["/"]
    assert "192.0.2.21" in found
    assert found.count("<tr>") == 1 + 5
    # A browser without them reloads the page.
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in found


@pytest.mark.parametrize(("width", "height"), [(500, 900), (1280, 900)])
def test_it_fits_a_phone_and_a_screen(tmp_path: Path, width: int, height: int) -> None:
    """A page that is wider than the window would be drawn wider: its picture tells."""
    picture = tmp_path / "page.png"
    with serving() as server:
        browse(server, tmp_path, f"--window-size={width},{height}", f"--screenshot={picture}")
    header = picture.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(header[16:20], "big") == width
