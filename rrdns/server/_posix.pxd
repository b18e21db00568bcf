"""What the compiled loop asks of the system besides sockets: clocks, a lock, a way to be woken."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    enum:
        CLOCK_MONOTONIC_COARSE
        CLOCK_REALTIME_COARSE
    int clock_gettime(int clock, timespec *now)

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *lock, void *attributes)
    int pthread_mutex_destroy(pthread_mutex_t *lock)
    int pthread_mutex_lock(pthread_mutex_t *lock)
    int pthread_mutex_unlock(pthread_mutex_t *lock)

cdef extern from "<poll.h>" nogil:
    int poll(void *descriptors, unsigned long count, int milliseconds)

cdef extern from "<sys/eventfd.h>" nogil:
    int eventfd_write(int descriptor, uint64_t value)


cdef inline int64_t seconds_of(int clock) noexcept nogil:
    """Return what a clock says, in whole seconds."""
    cdef timespec now
    clock_gettime(clock, &now)
    return now.tv_sec


cdef inline int64_t milliseconds_of(int clock) noexcept nogil:
    """Return what a clock says, in whole milliseconds."""
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t> now.tv_sec * 1000 + now.tv_nsec // 1000000
