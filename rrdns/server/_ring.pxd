"""The misses of one loop on their way to the control side: a ring with one writer and one reader.

The loop writes at `head`, the control side reads at `tail`; neither waits for the other. A miss
keeps its place until it is answered, because the reply needs its envelope.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from rrdns.server._atomic cimport (
    __ATOMIC_ACQUIRE, __ATOMIC_RELEASE, __ATOMIC_SEQ_CST, __atomic_load_n, __atomic_store_n,
)
from rrdns.server._batch cimport CONTROL_OCTETS, DATAGRAM_OCTETS, NAME_OCTETS, mmsghdr

cdef enum:
    MAX_WAITING = 256       # a power of two

cdef struct miss_t:
    uint32_t size
    uint32_t control_octets
    uint8_t name[NAME_OCTETS]
    uint8_t control[CONTROL_OCTETS]
    uint8_t data[DATAGRAM_OCTETS]

cdef struct ring_t:
    uint64_t head
    uint8_t gap[56]         # the two are written by two cores
    uint64_t tail
    miss_t *misses


cdef inline bint open_ring(ring_t *ring) noexcept nogil:
    """Allocate the places; False where there is no memory."""
    ring.head = ring.tail = 0
    # Untouched pages of it take no memory.
    ring.misses = <miss_t *> calloc(MAX_WAITING, sizeof(miss_t))
    return ring.misses != NULL


cdef inline void close_ring(ring_t *ring) noexcept nogil:
    free(ring.misses)


cdef inline bint put_miss(
    ring_t *ring, mmsghdr *header, uint32_t size, uint32_t name_octets, uint32_t control_octets
) noexcept nogil:
    """Copy a datagram and its envelope; False where the ring is full."""
    cdef uint64_t head = ring.head
    cdef miss_t *miss
    if head - __atomic_load_n(&ring.tail, __ATOMIC_ACQUIRE) == MAX_WAITING:
        return False
    miss = &ring.misses[head % MAX_WAITING]
    miss.size = size
    miss.control_octets = control_octets
    memcpy(miss.name, header.msg_hdr.msg_name, name_octets)
    if control_octets:
        memcpy(miss.control, header.msg_hdr.msg_control, control_octets)
    memcpy(miss.data, header.msg_hdr.msg_iov.iov_base, size)
    __atomic_store_n(&ring.head, head + 1, __ATOMIC_RELEASE)
    return True


cdef inline miss_t *first_miss(ring_t *ring) noexcept nogil:
    """Return the oldest miss, NULL where there is none."""
    if __atomic_load_n(&ring.head, __ATOMIC_SEQ_CST) == ring.tail:
        return NULL
    return &ring.misses[ring.tail % MAX_WAITING]


cdef inline void forget_miss(ring_t *ring) noexcept nogil:
    """Give the oldest miss's place back."""
    __atomic_store_n(&ring.tail, ring.tail + 1, __ATOMIC_RELEASE)
