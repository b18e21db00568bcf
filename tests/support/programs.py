"""The programs and privileges that a test asks for: without them it skips, or fails under CI."""

import os
import shutil
import subprocess
from functools import cache
from typing import NoReturn

import pytest

# program -> the Debian package that has it
PACKAGES = {
    "chromium": "chromium",
    "cc": "gcc",
    "curl": "curl",
    "dig": "bind9-dnsutils",
    "dnsperf": "dnsperf",
    "stdbuf": "coreutils",
    "gdnsd": "gdnsd",
    "ip": "iproute2",
    "knotd": "knot",
    "groff": "groff-base",
    "make": "make",
    "man": "man-db",
    "mandoc": "mandoc",
    "named": "bind9",
    "nft": "nftables",
    "nsenter": "util-linux",
    "nsd": "nsd",
    "pdns_server": "pdns-server",
    "postfix": "postfix",
    "prlimit": "util-linux",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "rndc": "bind9-utils",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "systemd-analyze": "systemd",
    "unbound": "unbound",
    "unbound-control": "unbound",
    "unshare": "util-linux",
}


def require_program(name: str) -> str:
    """Return the path of a program, or end the test with how to install it."""
    # Debian keeps daemons in sbin, which is not on every user's path.
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        missing(f"{name} is not installed here: apt-get install {PACKAGES.get(name, name)}")
    return path


def require_namespaces() -> None:
    """End the test where network namespaces cannot be made."""
    require_program("ip")
    if not _can_make_namespaces():
        missing("network namespaces need root (CAP_NET_ADMIN and CAP_SYS_ADMIN)")


def missing(reason: str) -> NoReturn:
    """Skip the test with a reason; under CI=true fail it, so that nothing goes unseen."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI has all programs and privileges, but {reason}", pytrace=False)
    pytest.skip(reason)


@cache
def _can_make_namespaces() -> bool:
    name = f"rrdns-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode == 0:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return made.returncode == 0
