"""What the C library keeps of memory that was freed, by ctypes."""

import ctypes

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
_LARGE_OCTETS = 256 * 1024


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
