"""What only the compiled loop has: a thread of its own, a ring of misses, tables to be freed."""

import asyncio
import ctypes
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from contextlib import AsyncExitStack
from dataclasses import fields, replace

import pytest
from support.executors import require_native
from support.tables import ask, first_address, opt, rcode
from support.udp_stage import (
    CONFIG,
    DEADLINE_SECONDS,
    MX1,
    SNAPSHOT,
    TABLE,
    MakeLoop,
    client,
)
from support.waiting import wait_until

from rrdns.rrtypes import ANY, NOERROR
from rrdns.server.kinds import NativeKind
from rrdns.server.sockets import bind_all
from rrdns.settings import Endpoint, Limits
from rrdns.table.compiler import compile_table
from rrdns.table.snapshot import make_snapshot
from rrdns.table.table import Table
from rrdns.targets import Health

MISS = ask(MX1, ANY)
SERVER1_DOWN = {target.key: Health.DOWN for target in CONFIG.targets if "11" in target.address}
# Asks until it has so many answers, then writes a byte; where none comes for long it ends without.
ASKER = """
import socket, sys
port, count, packet = int(sys.argv[1]), int(sys.argv[2]), bytes.fromhex(sys.argv[3])
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(20)
asker.connect(("127.0.0.1", port))
for _ in range(count):
    asker.send(packet)
    asker.recv(4096)
sys.stdout.buffer.write(b"x")
"""


# --- without the interpreter ------------------------------------------------------------------


def test_answers_while_the_interpreter_is_held(make_native_loop: MakeLoop) -> None:
    loop, port = make_native_loop()
    loop.start()
    arguments = [sys.executable, "-c", ASKER, str(port), "1000", ask(MX1).hex()]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as asker:
        assert asker.stdout is not None
        byte = ctypes.create_string_buffer(1)
        # Unlike os.read, this keeps the interpreter until the asker has all its answers.
        got = ctypes.PyDLL(None).read(asker.stdout.fileno(), byte, 1)
    assert (got, byte.raw) == (1, b"x")
    assert loop.executor.answered() == {("A", NOERROR, 0): 1000}


def test_misses_that_nobody_answers_keep_no_hit_waiting(make_native_loop: MakeLoop) -> None:
    loop, port = make_native_loop()
    loop.loop.start()  # without what stands for the control side
    count = 2 * loop.loop._core.waiting + 600
    with client(port) as flood, client(port) as asker:
        for _ in range(count):
            flood.send(MISS)
        for _ in range(100):
            asker.send(ask(MX1))
            assert rcode(asker.recv(4096)) == NOERROR
        wait_until(
            lambda: loop.waiting + loop.dropped.get("miss_queue", 0) == count,
            DEADLINE_SECONDS,
            "the flood to arrive",
        )
        waiting = loop.waiting
        assert 0 < waiting < count
        # What waits when the loop stops is answered in the end.
        loop.stop()
        assert loop.misses.count == waiting


def test_a_cookie_that_is_new_is_no_miss(make_native_loop: MakeLoop) -> None:
    loop, port = make_native_loop(
        table=compile_table(replace(SNAPSHOT, cookie_secrets=(bytes(16),)), 1)
    )
    count = 3 * 64
    with client(port) as asker:
        for ident in range(count):
            option = b"\0\x0a\0\x08" + ident.to_bytes(8, "big")
            asker.send(ask(MX1, tail=opt(options=option), ident=ident))
        for _ in range(3):
            loop.turn()
        assert [int.from_bytes(asker.recv(4096)[:2], "big") for _ in range(count)] == list(
            range(count)
        )
    assert loop.misses.count == 0


def test_misses_wake_the_event_loop(make_native_loop: MakeLoop) -> None:
    loop, port = make_native_loop()
    loop.loop.start()

    async def body() -> None:
        event_loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            NativeKind().serve_misses(stack, [loop.loop])
            with client(port) as asker:
                asker.setblocking(False)
                for pause in (0.0, 0.0, 0.01, 0.0):
                    await asyncio.sleep(pause)
                    for _ in range(50):
                        asker.send(MISS)
                    for _ in range(50):
                        assert rcode(await event_loop.sock_recv(asker, 4096)) == NOERROR

    asyncio.run(body())
    assert loop.misses.count == 200


def test_there_is_nothing_to_answer_where_no_miss_waits(make_native_loop: MakeLoop) -> None:
    loop, _ = make_native_loop()
    core = loop.loop._core
    assert core.miss() is None
    for answer in (core.forget, lambda: core.post(b"reply")):
        with pytest.raises(LookupError):
            answer()


# --- tables -----------------------------------------------------------------------------------


class Seen(Table):
    """A table whose end can be seen."""

    __slots__ = ("__weakref__",)


def seen(table: Table) -> tuple[Seen, weakref.ref[Seen]]:
    made = Seen(**{field.name: getattr(table, field.name) for field in fields(Table)})
    return made, weakref.ref(made)


def test_a_table_is_freed_when_another_is_published_although_no_query_comes(
    make_native_loop: MakeLoop,
) -> None:
    table, freed = seen(TABLE)
    loop, port = make_native_loop(table=table)
    del table
    loop.start()
    with client(port) as asker:
        asker.send(ask(MX1))
        asker.recv(4096)
        assert freed() is not None
        for generation in range(2, 5):
            previous = freed
            table, freed = seen(compile_table(make_snapshot(CONFIG, {}), generation))
            loop.publish(table)
            del table
            gc.collect()
            assert previous() is None
            assert freed() is not None
        asker.send(ask(MX1))
        assert rcode(asker.recv(4096)) == NOERROR
    assert sum(loop.executor.leads().values()) == 2


def limits_there_are() -> int:
    gc.collect()
    return sum(type(one).__name__ == "NativeLimits" for one in gc.get_objects())


def test_limits_are_freed_too(make_native_loop: MakeLoop) -> None:
    before = limits_there_are()
    loop, _ = make_native_loop()
    loop.start()
    for per_second in range(1, 50):
        loop.set_limits(Limits(responses_per_second=per_second))
    assert limits_there_are() == before + 1
    loop.set_limits(Limits(responses_per_second=0))
    assert limits_there_are() == before


# --- several loops ----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [2, 3])
def test_rotation_stays_even_with_several_loops(workers: int) -> None:
    require_native()
    kind = NativeKind()
    (pair,) = bind_all([Endpoint("127.0.0.1", 0)], workers)
    table = kind.prepare(TABLE)
    loops = [kind.loop(udp, pair, table, None, stagger) for stagger, udp in enumerate(pair.udp)]
    led: dict[bytes, int] = {}
    try:
        for loop in loops:
            loop.start()
        for number in range(1, 400):
            # As dig: another port each time, and thereby another loop.
            with client(pair.endpoint.port) as asker:
                asker.send(ask(MX1))
                address = first_address(asker.recv(4096))
            led[address] = led.get(address, 0) + 1
            if number % 100 == 0:
                assert len(led) == 3
                assert max(abs(count - number / 3) for count in led.values()) <= workers
    finally:
        for loop in loops:
            loop.ask_to_stop()
        for loop in loops:
            loop.stop()
        pair.close()
    counted = [loop.executor.leads() for loop in loops]
    assert {address: sum(leads[MX1, address] for leads in counted) for address in led} == led
    assert all(sum(leads.values()) for leads in counted)


# --- the end ----------------------------------------------------------------------------------


def test_stop_comes_to_an_end_under_a_real_flood(make_native_loop: MakeLoop) -> None:
    loop, port = make_native_loop()
    done = threading.Event()

    def flood() -> None:
        with client(port) as asker:
            asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            while not done.is_set():
                asker.send(ask(MX1))

    floods = [threading.Thread(target=flood) for _ in range(2)]
    for one in floods:
        one.start()
    try:
        loop.start()
        wait_until(lambda: loop.progress > 100, DEADLINE_SECONDS, "the flood")
        loop.stop()
        assert not loop.runs
    finally:
        done.set()
        for one in floods:
            one.join()


def test_stop_leaves_no_descriptor_open(make_native_loop: MakeLoop) -> None:
    loop, _ = make_native_loop()
    loop.start()
    wake = loop.loop.wake
    os.fstat(wake)
    loop.stop()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(wake)
    assert loop.loop.waited_seconds is None


def test_a_loop_tells_how_long_it_waited_for_a_core(
    make_native_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, port = make_native_loop()
    began = time.monotonic()
    loop.start()
    with client(port) as asker:
        asker.send(ask(MX1))
        asker.recv(4096)
        waited: float = loop.loop.waited_seconds
        assert 0 <= waited <= time.monotonic() - began
        # Where the kernel does not count it, nothing is told, and answers are as before.
        other, port = make_native_loop()
        monkeypatch.setattr("rrdns.server.nativeudp._SCHEDULE", "/nowhere")
        other.start()
    with client(port) as asker:
        asker.send(ask(MX1))
        asker.recv(4096)
    assert other.loop.waited_seconds is None
