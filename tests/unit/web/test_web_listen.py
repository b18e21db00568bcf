import asyncio
import grp
import os
import socket
import stat
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rrdns.errors import StartError
from rrdns.settings import Endpoint
from rrdns.web.listen import serve_tcp, serve_unix, tcp_endpoint


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def app() -> web.Application:
    async def index(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    made = web.Application()
    made.router.add_get("/", index)
    return made


async def refusal(path: Path, group: str | None = None) -> str:
    with pytest.raises(StartError) as caught:
        await serve_unix(app(), str(path), group)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_port_0_takes_a_free_one_and_tells_it(address: str) -> None:
    async def main() -> None:
        runner = await serve_tcp(app(), Endpoint(address, 0))
        found = tcp_endpoint(runner)
        assert found.address == address
        _, writer = await asyncio.open_connection(found.address, found.port)
        writer.close()
        await writer.wait_closed()
        await runner.cleanup()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(found.address, found.port)

    run(main())


def test_a_busy_port_is_one_clear_line() -> None:
    async def main() -> None:
        runner = await serve_tcp(app(), Endpoint("127.0.0.1", 0))
        taken = tcp_endpoint(runner)
        with pytest.raises(StartError) as caught:
            await serve_tcp(app(), taken)
        assert str(caught.value) == (
            f"cannot serve HTTP on {taken}: another program listens there;"
            " set server.http to another address and port, or to null to go without"
        )
        await runner.cleanup()

    run(main())


def test_an_address_that_the_machine_lacks_is_one_clear_line() -> None:
    async def main() -> None:
        with pytest.raises(StartError, match=r"192\.0\.2\.1:0: this machine has no such address"):
            await serve_tcp(app(), Endpoint("192.0.2.1", 0))

    run(main())


def test_the_control_socket_is_for_owner_and_group_and_leaves_with_the_server(
    tmp_path: Path,
) -> None:
    path = tmp_path / "control.sock"

    async def main() -> None:
        umask = os.umask(0)
        try:
            runner = await serve_unix(app(), str(path))
            assert os.umask(0) == 0
        finally:
            os.umask(umask)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.close()
        await writer.wait_closed()
        await runner.cleanup()

    run(main())
    assert not path.exists()


def test_a_group_is_set_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    own = grp.getgrgid(os.getgroups()[-1] if os.getgroups() else os.getgid())

    async def main() -> None:
        runner = await serve_unix(app(), str(path), own.gr_name)
        assert path.stat().st_gid == own.gr_gid
        await runner.cleanup()

    run(main())


def test_a_group_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def main() -> None:
        assert await refusal(path, "no-such-group") == (
            "server.control_group: there is no group no-such-group; make it, or set it to null"
        )
        assert not path.exists()

    run(main())


def test_a_group_that_may_not_be_given_leaves_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = grp.getgrgid(os.getgid()).gr_name
    path = tmp_path / "control.sock"

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)

    async def main() -> None:
        assert "this user must be a member of server.control_group" in await refusal(path, name)
        assert not path.exists()

    run(main())


def test_a_socket_that_nobody_answers_on_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(str(path))

    async def main() -> None:
        runner = await serve_unix(app(), str(path))
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.close()
        await writer.wait_closed()
        await runner.cleanup()

    run(main())


def test_a_socket_that_another_server_answers_on_stays(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def main() -> None:
        runner = await serve_unix(app(), str(path))
        assert await refusal(path) == (
            f"another server answers on the control socket {path};"
            " stop it, or set server.control to another path"
        )
        _, writer = await asyncio.open_unix_connection(str(path))
        writer.close()
        await writer.wait_closed()
        await runner.cleanup()

    run(main())


def test_a_full_backlog_counts_as_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def main() -> None:
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as busy,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first,
        ):
            busy.bind(str(path))
            busy.listen(0)
            first.connect(str(path))
            assert "another server answers" in await refusal(path)

    run(main())


def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")

    async def main() -> None:
        assert "something else has that name" in await refusal(path)

    run(main())
    assert path.read_text() == "precious"


def test_a_missing_directory_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "control.sock"

    async def main() -> None:
        assert await refusal(path) == (
            f"cannot make the control socket {path}: there is no directory {path.parent};"
            " make it, or set server.control to another path"
        )

    run(main())


def test_a_path_too_long_for_a_socket_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120)

    async def main() -> None:
        found = await refusal(path)
        assert found.startswith(f"cannot make the control socket {path}: ")
        assert found.endswith("; set server.control to another path")

    run(main())


def test_the_socket_of_a_successor_stays(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def main() -> None:
        runner = await serve_unix(app(), str(path))
        path.unlink()
        path.write_text("another's")
        await runner.cleanup()

    run(main())
    assert path.exists()
