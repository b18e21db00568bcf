"""A stub of the control socket: answers what a test says, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any


class ControlStub(ThreadingMixIn, UnixStreamServer):
    """`replies` are status and document by method and path; `bodies` are those of PUT requests."""

    daemon_threads = True
    replies: dict[tuple[str, str], tuple[int, Any]]
    bodies: list[Any]


class _Handler(BaseHTTPRequestHandler):
    server: ControlStub

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.bodies.append(json.loads(self.rfile.read(length)))
        self._answer()

    def _answer(self) -> None:
        status, document = self.server.replies[self.command, self.path]
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def control_stub(path: str) -> Iterator[ControlStub]:
    """Listen on a Unix socket while the block runs."""
    with ControlStub(path, _Handler) as server:
        server.replies, server.bodies = {}, []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
