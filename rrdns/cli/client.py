"""The control socket's client: one request, and a clear line for each way that it can fail."""

import asyncio
import errno
import grp
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from rrdns.config.document import Scalar, Tree, read_document
from rrdns.config.schema import ServerModel
from rrdns.errors import ConfigError, ControlError, UnreadableError

STATUS_TIMEOUT_SECONDS = 10.0
# A reload reads every domain file before it has a verdict.
RELOAD_TIMEOUT_SECONDS = 120.0
# An order waits some seconds for a slow disk.
ORDER_TIMEOUT_SECONDS = 30.0


class Server(NamedTuple):
    """Where a running server listens, and the configuration that said so."""

    config_path: str
    socket: str
    group: str | None


class Reply(NamedTuple):
    """An HTTP reply of the server: the status and the decoded JSON body."""

    status: int
    body: Any


def find_server(path: str) -> Server:
    """Return where the server of a configuration file listens.

    Only that is read: a server can be asked while its file is broken, or names 100,000 domains.
    Raises UnreadableError, and ConfigError where the file is no YAML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(f"cannot read the configuration {path}: {reason}") from None
    document, problems = read_document(path, text)
    if problems and not document.tree:
        raise ConfigError(problems)
    settings = document.tree.get("server")
    defaults = ServerModel()
    socket = _text(settings, "control") or defaults.control
    group = _text(settings, "control_group") or defaults.control_group
    return Server(path, str(Path(path).absolute().parent / socket), group)


def _text(settings: Tree, key: str) -> str | None:
    value = settings.get(key) if isinstance(settings, dict) else None
    return value.text if isinstance(value, Scalar) and value.kind != "null" else None


def fetch_status(server: Server) -> dict[str, Any]:
    """Return the document of `/api/v1/status`; ControlError where the server does not give it."""
    return _wanted(
        server, asyncio.run(_request(server, "GET", "/api/v1/status", STATUS_TIMEOUT_SECONDS))
    )


def post_reload(server: Server) -> Reply:
    """Ask the server to reload and wait for its verdict; ControlError where there is none."""
    return asyncio.run(_request(server, "POST", "/api/v1/reload", RELOAD_TIMEOUT_SECONDS))


def put_override(server: Server, pattern: str, order: Mapping[str, str]) -> dict[str, Any]:
    """Ask the server for an override of all that a pattern matches; return what it did.

    Raises ControlError with the server's words where it refuses.
    """
    name, slash, role = pattern.partition("/")
    path = f"/api/v1/nodes/{quote(name, safe='')}{slash}{quote(role, safe='')}"
    return _wanted(server, asyncio.run(_request(server, "PUT", path, ORDER_TIMEOUT_SECONDS, order)))


def fetch_explanation(server: Server, name: str, rrtype: str) -> dict[str, Any]:
    """Return the document of `/api/v1/explain`; ControlError where the server does not give it."""
    path = f"/api/v1/explain?name={quote(name, safe='')}&type={quote(rrtype, safe='')}"
    return _wanted(server, asyncio.run(_request(server, "GET", path, STATUS_TIMEOUT_SECONDS)))


def _wanted(server: Server, reply: Reply) -> dict[str, Any]:
    if reply.status == HTTPStatus.OK and isinstance(reply.body, dict):
        return reply.body
    if 400 <= reply.status < 500 and isinstance(reply.body, dict) and "error" in reply.body:
        raise ControlError(str(reply.body["error"]))
    raise ControlError(f"the server at {server.socket} answered {reply.status}")


async def _request(
    server: Server,
    method: str,
    path: str,
    timeout_seconds: float,
    body: Mapping[str, str] | None = None,
) -> Reply:
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path=server.socket),
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            ) as session,
            session.request(method, f"http://rrdns{path}", json=body) as response,
        ):
            return Reply(response.status, await response.json(content_type=None))
    except TimeoutError:
        raise ControlError(
            f"the server at {server.socket} gave no answer within {timeout_seconds:g} s"
        ) from None
    except aiohttp.ClientConnectorError as error:
        raise ControlError(why_unreachable(server, error.os_error)) from None
    except (aiohttp.ClientError, ValueError) as error:
        raise ControlError(f"the server at {server.socket} broke off: {error}") from None


def why_unreachable(server: Server, error: OSError) -> str:
    """Return the line that says why no connection came about, and what to do."""
    if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR):
        return (
            f"no server runs at {server.socket}; start it with: rrdns serve -c {server.config_path}"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        group = _group_of(server.socket) or server.group
        whom = f"its group, {group}" if group else "its group"
        return f"no permission to use {server.socket}: become a member of {whom}, or use sudo"
    return f"cannot reach the server at {server.socket}: {error.strerror or error}"


def _group_of(socket: str) -> str | None:
    try:
        return grp.getgrgid(Path(socket).stat().st_gid).gr_name
    except (OSError, KeyError):
        return None
