"""A client of a real server's control socket, without the command line's start in between."""

import json
import socket
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote


class _Connection(HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("rrdns", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Control:
    """Asks the server behind a Unix socket; OSError and HTTPException where it is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the document of one request."""
        connection = _Connection(self.path, 20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            connection.close()

    def put(self, pattern: str, state: str, **more: Any) -> dict[str, Any]:
        """Override, and return what the server did; AssertionError where it refused."""
        status, done = self.request(
            "PUT", f"/api/v1/nodes/{quote(pattern)}", {"state": state, **more}
        )
        assert status == 200, done
        return dict(done)

    def status(self) -> dict[str, Any]:
        """Return the document of the status."""
        status, found = self.request("GET", "/api/v1/status")
        assert status == 200
        return dict(found)

    def overrides(self) -> dict[str, dict[str, Any]]:
        """Return the entries of all overrides by NAME or NAME/ROLE."""
        return {
            "/".join(filter(None, (entry["node"], entry["role"]))): entry
            for entry in self.status()["overrides"]
        }
