"""A server that has no file descriptor left: it answers, can be asked, and blames no node."""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

from support.asking import Dig
from support.control import Control
from support.farm import farm
from support.ports import free_port
from support.processes import Background
from support.programs import require_program
from support.serving import configuration, fetch, serving
from support.waiting import wait_until

NODES = {"server1": "127.0.28.1", "server2": "127.0.28.2", "server3": "127.0.28.3"}
ALL = set(NODES.values())


def exhaust(server: Background) -> tuple[int, int]:
    """Set the limit so that not one more descriptor can be opened; return the old limits."""
    used = {int(link.name) for link in Path(f"/proc/{server.pid}/fd").iterdir()}
    lowest_free = min(set(range(len(used) + 1)) - used)
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    return resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (lowest_free, hard))


def write(path: Path, port: int, http: int, smtp: int) -> None:
    path.write_text(
        configuration(
            listen=[f"127.0.0.1:{port}"],
            nodes=NODES,
            directory=path.parent,
            http=f'"127.0.0.1:{http}"',
            # A verdict holds for 2.1 s.
            health=f"port: {smtp}, interval: 300ms, connect_timeout: 500ms,"
            " banner_timeout: 500ms, command_timeout: 100ms",
        )
    )


def test_without_a_descriptor_it_answers_and_can_be_asked(tmp_path: Path, port: int) -> None:
    http, smtp = free_port(), free_port("127.0.28.1")
    path = tmp_path / "rrdns.yaml"
    write(path, port, http, smtp)
    control = Control(tmp_path / "control.sock")
    dig = Dig("127.0.0.1", port)

    def nodes() -> set[tuple[str, str, str | None]]:
        return {
            (node["state"], node["last"]["result"], node["last"]["text"])
            for node in control.status()["nodes"]
        }

    with (
        farm([",".join(f"{address}:{smtp}" for address in sorted(ALL))]),
        serving(path) as server,
        ExitStack() as stack,
    ):
        assert dig.addresses("mx1.example.com") == ALL
        before = exhaust(server)
        # It shows when a probe wants one, and nobody is blamed, however long it lasts.
        wait_until(lambda: 'text="Too many open files"' in server.output, 20, "a shortage")
        wait_until(lambda: {state for state, *_ in nodes()} == {"unknown"}, 20, "verdicts age")
        assert {result for _, result, _ in nodes()} == {"local"}
        # UDP, TCP, the control socket with its verbs, HTTP: all at once, and again and again.
        for _ in range(2):
            assert dig.addresses("mx1.example.com") == ALL
            assert set(dig("+tcp", "mx1.example.com").values) == ALL
            assert fetch(f"http://127.0.0.1:{http}/healthz") == "ok\n"
            assert "rrdns_probe_failures_total" in fetch(f"http://127.0.0.1:{http}/metrics")
            assert control.put("server1", "down")["changed"]
            assert dig.addresses("mx1.example.com") == ALL - {NODES["server1"]}
            control.put("server1", "auto")
            assert control.request("POST", "/api/v1/reload") == (200, {"ok": True, "changes": []})
        # Clients who come in numbers, and idle, keep nobody else out.
        for _ in range(100):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        wait_until(lambda: nodes(), 20, "the control socket beside idle clients")
        assert set(dig("+tcp", "mx1.example.com").values) == ALL
        stack.close()
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        wait_until(lambda: {state for state, *_ in nodes()} == {"up"}, 20, "all is well again")
        changes = [line for line in server.output.splitlines() if "event=target_state" in line]
        assert not any("state=down" in line for line in changes)
        assert 'event=shortage error="Too many open files"' in server.output
        assert server.output.count("event=shortage") <= 2
        assert "Traceback" not in server.output


def test_a_low_limit_is_shared_out(tmp_path: Path, port: int) -> None:
    http, smtp = free_port(), free_port("127.0.28.1")
    path = tmp_path / "rrdns.yaml"
    write(path, port, http, smtp)
    with (
        farm([",".join(f"{address}:{smtp}" for address in sorted(ALL))]),
        serving(path, prefix=[require_program("prlimit"), "--nofile=512:512"]) as server,
    ):
        assert "there will be 128 and 128" in server.output
        assert Dig("127.0.0.1", port).addresses("mx1.example.com") == ALL
