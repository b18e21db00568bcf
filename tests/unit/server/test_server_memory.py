"""Large blocks go back to the system at once; garbage of a reload is collected in the end."""

import ctypes
import gc
import platform
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from rrdns.server.memory import Settling, give_back_large_blocks

# What glibc learns from the first block that is freed is to keep the next one in its heaps.
PROGRAM = """
import ctypes, sys
from rrdns.server.memory import give_back_large_blocks

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]

if sys.argv[1] == "set":
    assert give_back_large_blocks()
mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Info
first = bytearray(24 << 20)
del first
second = bytearray(12 << 20)
print(mallinfo().hblkhd >> 20)
"""


def _mapped_megabytes(word: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc is meant")
def test_a_block_is_mapped_by_itself_whatever_was_freed_before() -> None:
    assert _mapped_megabytes("unset") < 12
    assert _mapped_megabytes("set") >= 12


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert not give_back_large_blocks()


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def thawed() -> Iterator[None]:
    """Other tests' garbage is looked at again."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_stays_is_looked_at_no_more_and_what_was_under_way_only_now_and_then() -> None:
    settling = Settling()
    stays, under_way = _Cycle(), _Cycle()
    settling.settle()
    assert not any(found is stays for found in gc.get_objects())
    freed = weakref.ref(under_way)
    del under_way
    gc.collect()
    assert freed() is not None
    for _ in range(32):
        settling.settle()
    assert freed() is None
