"""The sockets that the HTTP application listens on: TCP, and the Unix control socket.

Whatever stands in the way ends in a StartError that says what to do.
"""

import asyncio
import errno
import grp
import os
import socket
import stat
from pathlib import Path

from aiohttp import web

from rrdns.errors import StartError
from rrdns.settings import Endpoint
from rrdns.web.connections import Connections

CONTROL_MODE = 0o660
_BACKLOG = 128
_SHUTDOWN_SECONDS = 2.0


async def serve_tcp(
    app: web.Application, endpoint: Endpoint, connections: Connections | None = None
) -> web.AppRunner:
    """Serve on an address and port (0: any free one) until the runner's `cleanup()`.

    The runner's `addresses[0]` is what was bound. Raises StartError.
    """
    if connections is None:
        connections = Connections()
    sock = _bind_tcp(endpoint)
    runner = await _set_up(app)
    await _BoundedSite(runner, sock, connections).start()
    return runner


async def serve_unix(app: web.Application, path: str, group: str | None = None) -> web.AppRunner:
    """Serve on a Unix socket with mode 0660 until the runner's `cleanup()`, which removes it.

    A socket file that nobody answers on is replaced. Raises StartError.
    """
    sock = _bind_unix(Path(path), group)
    runner = await _set_up(app)
    await _UnixSite(runner, sock, Path(path)).start()
    return runner


def tcp_endpoint(runner: web.AppRunner) -> Endpoint:
    """Return the address and port that a runner of `serve_tcp` is bound to."""
    address, port, *_ = runner.addresses[0]
    return Endpoint(address, port)


async def _set_up(app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    return runner


class _BoundedSite(web.SockSite):
    __slots__ = ("_connections",)

    def __init__(
        self, runner: web.AppRunner, sock: socket.socket, connections: Connections
    ) -> None:
        super().__init__(runner, sock, backlog=_BACKLOG)
        self._connections = connections

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server = self._runner.server
        assert server is not None  # noqa: S101 - BaseSite refuses a runner without one
        self._server = await asyncio.get_running_loop().create_server(
            self._connections.factory(server, access_log=None),
            sock=self._sock,
            backlog=self._backlog,
        )


class _UnixSite(web.SockSite):
    __slots__ = ("_identity", "_path")

    def __init__(self, runner: web.AppRunner, sock: socket.socket, path: Path) -> None:
        super().__init__(runner, sock, backlog=_BACKLOG)
        self._path = path
        self._identity = _identity(path)

    async def stop(self) -> None:
        await super().stop()
        # Another server may have put its own there meanwhile.
        if self._identity is not None and _identity(self._path) == self._identity:
            self._path.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


# --- binding ----------------------------------------------------------------------------------


def _bind_tcp(endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _tcp_error(endpoint, error) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((endpoint.address, endpoint.port))
        # Two sockets with SO_REUSEADDR may both bind; only listening tells that the port is busy.
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _tcp_error(endpoint, error) from error
    return sock


def _tcp_error(endpoint: Endpoint, error: OSError) -> StartError:
    why = {
        errno.EADDRINUSE: "another program listens there",
        errno.EADDRNOTAVAIL: "this machine has no such address",
        errno.EAFNOSUPPORT: "this machine has no such address family",
    }.get(error.errno or 0, error.strerror or str(error))
    return StartError(
        f"cannot serve HTTP on {endpoint}: {why};"
        " set server.http to another address and port, or to null to go without"
    )


def _bind_unix(path: Path, group: str | None) -> socket.socket:
    group_id = _group_id(group)
    if not path.parent.is_dir():
        raise StartError(
            f"cannot make the control socket {path}: there is no directory {path.parent};"
            " make it, or set server.control to another path"
        )
    _clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Nobody else may connect before owner and mode are set.
    umask = os.umask(0o177)
    try:
        sock.bind(str(path))
    except OSError as error:
        sock.close()
        raise _unix_error(path, error) from error
    finally:
        os.umask(umask)
    try:
        if group_id is not None:
            os.chown(path, -1, group_id)
        path.chmod(CONTROL_MODE)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        path.unlink(missing_ok=True)
        raise StartError(
            f"cannot give the control socket {path} to the group {group}: {error.strerror};"
            " this user must be a member of server.control_group"
        ) from error
    return sock


def _group_id(group: str | None) -> int | None:
    if group is None:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise StartError(
            f"server.control_group: there is no group {group}; make it, or set it to null"
        ) from None


def _clear(path: Path) -> None:
    """Remove the socket that a server which is gone has left."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unix_error(path, error) from error
    if not stat.S_ISSOCK(mode):
        raise StartError(
            f"cannot make the control socket {path}: something else has that name;"
            " move it away, or set server.control to another path"
        )
    if _is_answered(path):
        raise StartError(
            f"another server answers on the control socket {path};"
            " stop it, or set server.control to another path"
        )
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _unix_error(path, error) from error


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:  # its backlog is full: somebody listens
            return True
        except OSError as error:
            raise _unix_error(path, error) from error
    return True


def _unix_error(path: Path, error: OSError) -> StartError:
    return StartError(
        f"cannot make the control socket {path}: {error.strerror or error};"
        " set server.control to another path"
    )
