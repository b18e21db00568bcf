"""Memory that the C library keeps although it was freed, and what the collector looks at."""

import ctypes
import gc

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
_LARGE_OCTETS = 256 * 1024
_TIMES_BETWEEN = 32


def give_back_large_blocks() -> bool:
    """Have every large block of memory given back to the system as soon as it is freed.

    A reload of many domains frees a few blocks of many megabytes. glibc would learn from the first
    of them to keep such blocks in its heaps, where what is allocated meanwhile tears them up.
    Returns False where the C library has no such setting; musl does it unasked.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(set_option(_M_MMAP_THRESHOLD, _LARGE_OCTETS))


class Settling:
    """Has the collector leave alone what is there to stay, now and after each reload."""

    def __init__(self) -> None:
        self._times = 0

    def settle(self) -> None:
        """Collect what is garbage, and look at the rest no more.

        What is under way now (the request for this reload) is rarely there to stay, and would be
        garbage that nobody looks at. So every 32nd time, and the first, everything is looked at,
        which takes some 20 ms.
        """
        if self._times % _TIMES_BETWEEN == 0:
            gc.unfreeze()
        self._times += 1
        gc.collect()
        gc.freeze()
