"""The compiled UDP loop: receives a batch, answers each datagram in place, sends all together.

While it runs it holds nothing of the interpreter. What it has no answer for it copies into a ring,
from which the control side answers through the same socket. One lock covers what moves in the
executor (turns, counts, accounts): the loop holds it for as long as it executes a batch, never
while it waits for the kernel; the control side for as long as one miss takes a turn or is limited.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from rrdns.server._atomic cimport (
    __ATOMIC_RELAXED, __ATOMIC_SEQ_CST, __atomic_exchange_n, __atomic_load_n, __atomic_store_n,
    count, counted,
)
from rrdns.server._batch cimport (
    BATCH, DATAGRAM_OCTETS, MSG_DONTWAIT, MSG_TRUNC, MSG_WAITFORONE, SHUT_RD, batch_t,
    clear_interface, client_of, close_batch, data_of, iovec, mmsghdr, msghdr, open_batch, rearm,
    recvmmsg, send_batch, sendmsg, shutdown,
)
from rrdns.server._posix cimport (
    CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE, eventfd_write, milliseconds_of, poll,
    pthread_mutex_destroy, pthread_mutex_init, pthread_mutex_lock, pthread_mutex_t,
    pthread_mutex_unlock, seconds_of,
)
from rrdns.server._ring cimport (
    MAX_WAITING, close_ring, first_miss, forget_miss, miss_t, open_ring, put_miss, ring_t,
)
from rrdns.table._native cimport (
    MISS, RESPONSE, SHORT, NativeExecutor, adopt_offered, asked_t, execute_read, executor_t,
    limit_reply, read_ahead, read_packet, set_clock,
)

cdef enum:
    CACHE_LINE = 64
    DRAIN_MILLISECONDS = 1000
    MAX_FAILURES = 8
    PAUSE_MILLISECONDS = 10

globals().update(BATCH=BATCH, MAX_WAITING=MAX_WAITING, DATAGRAM_OCTETS=DATAGRAM_OCTETS)

# What gets no reply for a reason of the packet or the socket; each counter has one writer.
cdef struct drops_t:
    uint64_t oversized
    uint64_t short_packets
    uint64_t responses
    uint64_t miss_queue
    uint64_t send_errors
    uint64_t receive_errors


cdef class LoopCore:
    # Loops on several cores must not write to the same cache line: what one of them writes stands
    # between these gaps.
    cdef uint8_t _gap_before[CACHE_LINE]
    cdef batch_t _batch
    cdef ring_t _ring
    cdef pthread_mutex_t _lock
    cdef drops_t _drops
    cdef asked_t _asked[BATCH]
    cdef NativeExecutor _executor
    cdef executor_t *_state
    cdef int _descriptor
    cdef bint _is_held
    cdef int _wake
    cdef uint32_t _slot
    cdef uint64_t _stopping
    cdef uint64_t _awake
    cdef uint64_t _progress
    cdef uint64_t _unsent_misses
    cdef uint64_t _failures
    cdef int64_t _now
    cdef uint8_t _gap_behind[CACHE_LINE]

    def __cinit__(
        self, NativeExecutor executor, *, int descriptor, int wake, uint32_t slot,
        bint is_ipv6, bint is_wildcard, bint is_held=False,
    ):
        self._executor = executor
        self._state = executor.state
        self._descriptor = descriptor
        self._is_held = is_held
        self._wake = wake
        self._slot = slot
        pthread_mutex_init(&self._lock, NULL)
        if not open_batch(&self._batch, is_ipv6, is_wildcard) or not open_ring(&self._ring):
            raise MemoryError

    def __dealloc__(self):
        close_batch(&self._batch)
        close_ring(&self._ring)
        pthread_mutex_destroy(&self._lock)

    # --- the loop -----------------------------------------------------------------------------

    def run(self):
        cdef int64_t deadline
        with nogil:
            while not __atomic_load_n(&self._stopping, __ATOMIC_RELAXED):
                self._turn(MSG_WAITFORONE, -1)
        if self._is_held:
            # What has not been received is for who serves the socket next.
            return
        with nogil:
            deadline = milliseconds_of(CLOCK_MONOTONIC_COARSE) + DRAIN_MILLISECONDS
            while self._turn(MSG_DONTWAIT, -1) > 0:
                if milliseconds_of(CLOCK_MONOTONIC_COARSE) > deadline:
                    break

    def stop(self):
        __atomic_store_n(&self._stopping, 1, __ATOMIC_SEQ_CST)
        if self._is_held:
            return
        # Ends a wait for the next datagram at once, although Linux calls it an error on a socket
        # without a peer; where it does not, the idle time-out does.
        shutdown(self._descriptor, SHUT_RD)

    def run_once(self, int64_t now=-1):
        cdef int found
        with nogil:
            found = self._turn(MSG_DONTWAIT, now)
        return max(found, 0)

    cdef int _turn(self, int flags, int64_t now) noexcept nogil:
        cdef int received = recvmmsg(self._descriptor, self._batch.headers, BATCH, flags, NULL)
        cdef uint32_t found = 0, replies = 0, failed, index
        cdef uint64_t waiting = self._ring.head
        cdef int64_t unix_now = now
        if received > 0:
            found = received
            self._failures = 0
        elif received < 0 and errno != EAGAIN and errno != EINTR:
            self._note_failure()
        count(&self._progress, 1)
        if now < 0:
            now = seconds_of(CLOCK_MONOTONIC_COARSE)
            unix_now = seconds_of(CLOCK_REALTIME_COARSE)
        pthread_mutex_lock(&self._lock)
        adopt_offered(self._state)
        if now != self._now:
            self._now = now
            set_clock(self._state, unix_now)
        if found:
            replies = self._answer(found)
        pthread_mutex_unlock(&self._lock)
        if replies:
            failed = send_batch(self._descriptor, self._batch.headers, replies)
            if failed:
                count(&self._drops.send_errors, failed)
        for index in range(found):
            rearm(&self._batch, &self._batch.headers[index])
        if waiting != self._ring.head:
            if not __atomic_exchange_n(&self._awake, 1, __ATOMIC_SEQ_CST):
                eventfd_write(self._wake, 1)
        return received

    cdef void _note_failure(self) noexcept nogil:
        """Count a failed receive; errors of earlier sends are reported here (ECONNREFUSED)."""
        count(&self._drops.receive_errors, 1)
        self._failures += 1
        if self._failures > MAX_FAILURES:
            # It is of another kind, and trying again at once would only take a whole core.
            poll(NULL, 0, PAUSE_MILLISECONDS)

    cdef uint32_t _answer(self, uint32_t found) noexcept nogil:
        """Turn queries to replies; put those that are to be sent first, and return their number."""
        cdef batch_t *batch = &self._batch
        cdef uint32_t index, replies = 0
        cdef mmsghdr *header
        cdef mmsghdr other
        cdef int32_t size
        # Step by step for all of them, so that the memory's answers for one come in while the others
        # are looked at: with many domains that is most of an answer's time.
        for index in range(found):
            header = &batch.headers[index]
            read_packet(self._state, &self._asked[index], data_of(header), header.msg_len)
        for index in range(found):
            read_ahead(self._state, &self._asked[index])
        for index in range(found):
            header = &batch.headers[index]
            if header.msg_hdr.msg_namelen != batch.name_octets:
                # Nobody sent it: it is what a socket reads as that `stop` has shut.
                continue
            if header.msg_hdr.msg_flags & MSG_TRUNC:
                count(&self._drops.oversized, 1)
                continue
            if batch.control_octets:
                if header.msg_hdr.msg_controllen == batch.control_octets:
                    clear_interface(batch, &header.msg_hdr)
                else:
                    header.msg_hdr.msg_controllen = 0
            size = self._reply(header, &self._asked[index])
            if size <= 0:
                continue
            header.msg_hdr.msg_iov.iov_len = size
            if replies != index:
                # A header has all that belongs to its datagram, so two of them can change places.
                other = batch.headers[replies]
                batch.headers[replies] = header[0]
                header[0] = other
            replies += 1
        return replies

    cdef int32_t _reply(self, mmsghdr *header, const asked_t *asked) noexcept nogil:
        """Make a datagram its own reply and return the size; not above 0: there is none."""
        cdef batch_t *batch = &self._batch
        cdef uint8_t *data = data_of(header)
        cdef const uint8_t *client = client_of(batch, header)
        cdef int32_t size = execute_read(
            self._state, asked, data, DATAGRAM_OCTETS, client, batch.client_octets, self._slot
        )
        if size > 0:
            if self._state.edition.limits != NULL:
                size = limit_reply(
                    self._state, data, size, client, batch.client_octets, self._now
                )
        elif size == MISS:
            if not put_miss(
                &self._ring, header, header.msg_len, batch.name_octets,
                header.msg_hdr.msg_controllen,
            ):
                count(&self._drops.miss_queue, 1)
        elif size == SHORT:
            count(&self._drops.short_packets, 1)
        elif size == RESPONSE:
            count(&self._drops.responses, 1)
        return size

    # --- for the control side -----------------------------------------------------------------

    def take_up(self):
        with nogil:
            pthread_mutex_lock(&self._lock)
            adopt_offered(self._state)
            pthread_mutex_unlock(&self._lock)

    def miss(self):
        cdef miss_t *miss = first_miss(&self._ring)
        if miss == NULL:
            return None
        return (
            (<const char *> miss.data)[:miss.size],
            (<const char *> miss.name + self._batch.client_at)[:self._batch.client_octets],
        )

    def forget(self):
        if first_miss(&self._ring) == NULL:
            raise LookupError("no miss waits")
        forget_miss(&self._ring)

    def post(self, bytes reply not None):
        cdef miss_t *miss = first_miss(&self._ring)
        cdef msghdr header
        cdef iovec vector
        if miss == NULL:
            raise LookupError("no miss waits")
        memset(&header, 0, sizeof(header))
        vector.iov_base = <void *> <const char *> reply
        vector.iov_len = len(reply)
        header.msg_iov = &vector
        header.msg_iovlen = 1
        header.msg_name = miss.name
        header.msg_namelen = self._batch.name_octets
        if miss.control_octets:
            header.msg_control = miss.control
            header.msg_controllen = miss.control_octets
        while sendmsg(self._descriptor, &header, MSG_DONTWAIT) < 0:
            if errno != EINTR:
                self._unsent_misses += 1
                break
        forget_miss(&self._ring)

    def sleep(self):
        __atomic_store_n(&self._awake, 0, __ATOMIC_SEQ_CST)
        if first_miss(&self._ring) == NULL:
            return True
        # If the loop was quicker, it has written to the eventfd, and the wake-up comes.
        return bool(__atomic_exchange_n(&self._awake, 1, __ATOMIC_SEQ_CST))

    def turn(self, object host, int rrtype):
        # The loop never waits for the interpreter, so it can be waited for while holding that.
        pthread_mutex_lock(&self._lock)
        try:
            return self._executor.turn(host, rrtype)
        finally:
            pthread_mutex_unlock(&self._lock)

    def limit(self, bytes client, bytes packet, bytes reply):
        pthread_mutex_lock(&self._lock)
        try:
            return self._executor.limit(client, packet, reply, self._now)
        finally:
            pthread_mutex_unlock(&self._lock)

    @property
    def waiting(self):
        return __atomic_load_n(&self._ring.head, __ATOMIC_SEQ_CST) - self._ring.tail

    @property
    def progress(self):
        return counted(&self._progress)

    @property
    def dropped(self):
        return {
            reason: times
            for reason, times in (
                ("oversized", counted(&self._drops.oversized)),
                ("short", counted(&self._drops.short_packets)),
                ("response", counted(&self._drops.responses)),
                ("miss_queue", counted(&self._drops.miss_queue)),
                ("send_error", counted(&self._drops.send_errors) + self._unsent_misses),
                ("receive_error", counted(&self._drops.receive_errors)),
            )
            if times
        }
