"""System calls that are interrupted, do half of their work or fail: no other query pays for it."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support.executors import require_native
from support.programs import require_program
from support.tables import ask
from support.victim import DEADLINE_SECONDS, udp, victim
from support.waiting import wait_until

from rrdns.rrtypes import ANY

# What stands between the server and the kernel. Calls are told apart by a count for each kind.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

static unsigned received, sent, one;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static int fails(int code) { errno = code; return -1; }

int recvmmsg(int fd, struct mmsghdr *to, unsigned count, int flags, struct timespec *wait) {
    int (*real)(int, struct mmsghdr *, unsigned, int, struct timespec *) = next("recvmmsg");
    switch (received++ % 4) {
    case 1: return fails(EINTR);
    case 2: return fails(ECONNREFUSED);
    }
    return real(fd, to, count, flags, wait);
}

int sendmmsg(int fd, struct mmsghdr *what, unsigned count, int flags) {
    int (*real)(int, struct mmsghdr *, unsigned, int) = next("sendmmsg");
    switch (sent++ % 6) {
    case 0: return fails(EINTR);
    case 1: return real(fd, what, 1, flags);
    case 3: return fails(EAGAIN);
    case 5: return fails(EINVAL);
    }
    return real(fd, what, (count + 1) / 2, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *what, int flags) {
    ssize_t (*real)(int, const struct msghdr *, int) = next("sendmsg");
    int type = 0;
    socklen_t size = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    if (type == SOCK_DGRAM && flags & MSG_DONTWAIT)
        switch (one++ % 3) {
        case 0: return fails(EINTR);
        case 1: return fails(EAGAIN);
        }
    return real(fd, what, flags);
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes system calls fail."""
    directory = tmp_path_factory.mktemp("shim")
    (directory / "shim.c").write_text(SHIM)
    made = directory / "shim.so"
    source = str(directory / "shim.c")
    command = [require_program("cc"), "-shared", "-fPIC", "-o", str(made), source, "-ldl"]
    subprocess.run(command, check=True)
    return made


def test_every_reply_is_sent_or_counted_as_not_sent(
    tmp_path: Path, shim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_native()
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    with victim(tmp_path, executor="native") as server, udp(server.port) as asker:
        hits, misses = range(2000), range(2000, 2200)
        for ident in hits:
            asker.send(ask("mx1.example.com.", ident=ident))
        for ident in misses:
            asker.send(ask("mx1.example.com.", ANY, ident=ident))

        def settled() -> bool:
            asked = server.metric("rrdns_dns_requests_total", proto="udp")
            return asked == len(hits) + len(misses)

        wait_until(settled, DEADLINE_SECONDS, "all queries to arrive")
        unsent = server.metric("rrdns_dns_dropped_total", reason="send_error")
        asker.settimeout(DEADLINE_SECONDS)
        answered = Counter(
            int.from_bytes(asker.recv(4096)[:2], "big")
            for _ in range(len(hits) + len(misses) - int(unsent))
        )
        asker.settimeout(0)
        with pytest.raises(BlockingIOError):
            asker.recv(4096)
        assert set(answered.values()) == {1}
        # Of the hits that fail two in six do, each for itself; of the misses every second one.
        assert 0 < sum(ident in hits for ident in answered) < len(hits)
        assert sum(ident in misses for ident in answered) == len(misses) / 2
        assert server.metric("rrdns_dns_dropped_total", reason="receive_error") > 0
