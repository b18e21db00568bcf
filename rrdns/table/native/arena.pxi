# Memory for many small things that live and die together.

from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)

cdef enum:
    BLOCK = 1 << 14
    ALIGNMENT = 16
    CACHE_LINE = 64


cdef void *own_lines(size_t size) except NULL:
    """Return so many octets, all zero, in cache lines that nothing else shares.

    Executors on several cores write all the time, and would wait for each other's lines.
    """
    cdef void *block
    size = (size + CACHE_LINE - 1) & ~<size_t> (CACHE_LINE - 1)
    if posix_memalign(&block, CACHE_LINE, size):
        raise MemoryError
    memset(block, 0, size)
    return block


cdef class Arena:
    """Memory that is freed with this object; all of it is zero at first."""

    cdef void *take(self, size_t size) except NULL:
        """Return so many octets, aligned for anything."""
        cdef void **blocks
        cdef void *block
        cdef void *taken
        size = (max(size, <size_t> 1) + ALIGNMENT - 1) & ~<size_t> (ALIGNMENT - 1)
        if size <= self._left:
            taken = self._free
            self._free += size
            self._left -= size
            return taken
        blocks = <void **> realloc(self._blocks, (self._count + 1) * sizeof(void *))
        if blocks == NULL:
            raise MemoryError
        self._blocks = blocks
        # What is large gets a block of its own; the one at hand goes on to be filled.
        block = own_lines(size if size > BLOCK // 4 else BLOCK)
        self._blocks[self._count] = block
        self._count += 1
        if size <= BLOCK // 4:
            self._free = <uint8_t *> block + size
            self._left = BLOCK - size
        return block

    def __dealloc__(self):
        cdef size_t index
        for index in range(self._count):
            free(self._blocks[index])
        free(self._blocks)


cdef uint8_t *copied(Arena arena, bytes octets) except NULL:
    """Return the octets, in the arena's memory."""
    cdef uint8_t *place = <uint8_t *> arena.take(len(octets))
    memcpy(place, <const uint8_t *> octets, len(octets))
    return place
