"""Words that one thread writes and another reads; the functions are the compiler's (GCC, Clang)."""

from libc.stdint cimport uint64_t

cdef extern from * nogil:
    uint64_t __atomic_load_n(const uint64_t *place, int order)
    void __atomic_store_n(uint64_t *place, uint64_t value, int order)
    uint64_t __atomic_exchange_n(uint64_t *place, uint64_t value, int order)
    enum:
        __ATOMIC_RELAXED
        __ATOMIC_ACQUIRE
        __ATOMIC_RELEASE
        __ATOMIC_SEQ_CST


cdef inline void count(uint64_t *counter, uint64_t more) noexcept nogil:
    """Add to a counter that this thread alone writes: others read it whole, and no bus is locked."""
    __atomic_store_n(
        counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + more, __ATOMIC_RELAXED
    )


cdef inline uint64_t counted(const uint64_t *counter) noexcept nogil:
    """Return what another thread has counted."""
    return __atomic_load_n(counter, __ATOMIC_RELAXED)
