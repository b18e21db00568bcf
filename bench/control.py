"""rrdns's control socket, without the program that asks it for people: HTTP over a Unix socket."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 120.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def connected(control: Path) -> http.client.HTTPConnection:
    """Return a connection for several requests, open already."""
    connection = _Connection(control)
    connection.connect()
    return connection


def send(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> None:
    """Send one request, whose reply `receive` reads."""
    sent = None if body is None else json.dumps(body)
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, sent, headers)


def receive(connection: http.client.HTTPConnection) -> str:
    """Return the text of a reply; RuntimeError where it is no success."""
    reply = connection.getresponse()
    text = reply.read().decode()
    if reply.status // 100 != 2:
        raise RuntimeError(f"the control socket says {reply.status}: {text[:2000]}")
    return text


def ask(control: Path, method: str, path: str, body: Any = None) -> str:
    """Send one request and return the text of the reply; RuntimeError where it is no success."""
    connection = connected(control)
    try:
        send(connection, method, path, body)
        return receive(connection)
    finally:
        connection.close()
