"""Many datagrams in one system call: `recvmmsg` and `sendmmsg` over buffers that are made once.

The kernel writes a query and its client's address, the reply is written over the query, and the
same headers send it back. Between two receives only what has changed is put right again: a socket
is of one family, so the sizes of addresses and packet information never change.
"""

from libc.errno cimport EINTR, EMSGSIZE, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)

cdef extern from "<sys/socket.h>" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        void *msg_name
        uint32_t msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    enum:
        MSG_DONTWAIT
        MSG_WAITFORONE
        MSG_TRUNC
        SOL_SOCKET
        SHUT_RD
    int recvmmsg(int descriptor, mmsghdr *headers, unsigned int count, int flags, void *timeout)
    int sendmmsg(int descriptor, mmsghdr *headers, unsigned int count, int flags)
    ssize_t sendmsg(int descriptor, const msghdr *header, int flags)
    int shutdown(int descriptor, int how)
    size_t CMSG_SPACE(size_t size)
    size_t CMSG_LEN(size_t size)

cdef enum:
    BATCH = 64
    DATAGRAM_OCTETS = 4096
    # An odd number of cache lines, so that the beginnings of all datagrams do not compete for the
    # same few places of a cache.
    STRIDE = DATAGRAM_OCTETS + 64
    NAME_OCTETS = 28        # sockaddr_in6; sockaddr_in has 16
    CONTROL_OCTETS = 64
    INTERFACE_AT4 = 0       # in_pktinfo: interface, source, destination
    INTERFACE_AT6 = 16      # in6_pktinfo: address, interface

# Where the kernel writes what it tells of one datagram.
cdef struct envelope_t:
    iovec vector
    uint8_t name[NAME_OCTETS]
    uint8_t gap[4]
    uint8_t control[CONTROL_OCTETS]
    uint8_t line[16]

cdef struct batch_t:
    mmsghdr *headers
    envelope_t *envelopes
    uint8_t *data           # BATCH times STRIDE
    uint32_t name_octets
    uint32_t client_at      # where a packed address stands in a name, and its size
    uint32_t client_octets
    uint32_t control_octets # 0: the socket is bound to one address
    uint8_t is_ipv6


cdef inline bint open_batch(batch_t *batch, bint is_ipv6, bint is_wildcard) noexcept nogil:
    """Allocate the buffers; False where there is no memory."""
    cdef uint32_t index
    cdef msghdr *header
    memset(batch, 0, sizeof(batch_t))
    batch.is_ipv6 = is_ipv6
    batch.name_octets = 28 if is_ipv6 else 16
    batch.client_at = 8 if is_ipv6 else 4
    batch.client_octets = 16 if is_ipv6 else 4
    if is_wildcard:
        batch.control_octets = CMSG_SPACE(20 if is_ipv6 else 12)
    if posix_memalign(<void **> &batch.headers, 64, BATCH * sizeof(mmsghdr)):
        return False
    if posix_memalign(<void **> &batch.envelopes, 64, BATCH * sizeof(envelope_t)):
        return False
    # Left as it is: what no datagram has been written to takes no memory.
    if posix_memalign(<void **> &batch.data, 64, BATCH * STRIDE):
        return False
    memset(batch.headers, 0, BATCH * sizeof(mmsghdr))
    memset(batch.envelopes, 0, BATCH * sizeof(envelope_t))
    for index in range(BATCH):
        header = &batch.headers[index].msg_hdr
        batch.envelopes[index].vector.iov_base = batch.data + index * STRIDE
        header.msg_iov = &batch.envelopes[index].vector
        header.msg_iovlen = 1
        header.msg_name = &batch.envelopes[index].name[0]
        if is_wildcard:
            header.msg_control = &batch.envelopes[index].control[0]
        rearm(batch, &batch.headers[index])
    return True


cdef inline void close_batch(batch_t *batch) noexcept nogil:
    free(batch.headers)
    free(batch.envelopes)
    free(batch.data)


cdef inline void rearm(batch_t *batch, mmsghdr *header) noexcept nogil:
    """Put right what a receive or a reply changed."""
    header.msg_hdr.msg_namelen = batch.name_octets
    header.msg_hdr.msg_controllen = batch.control_octets
    header.msg_hdr.msg_iov.iov_len = DATAGRAM_OCTETS


cdef inline uint8_t *data_of(mmsghdr *header) noexcept nogil:
    return <uint8_t *> header.msg_hdr.msg_iov.iov_base


cdef inline const uint8_t *client_of(batch_t *batch, mmsghdr *header) noexcept nogil:
    return <const uint8_t *> header.msg_hdr.msg_name + batch.client_at


cdef inline void clear_interface(batch_t *batch, msghdr *header) noexcept nogil:
    """Prepare packet information for being sent back.

    The source address stays, the interface does not: the reply takes the route to the client, which
    need not be the way that the query came. A link-local address needs its interface.
    """
    cdef uint8_t *info = <uint8_t *> header.msg_control + CMSG_LEN(0)
    if not batch.is_ipv6:
        (<uint32_t *> (info + INTERFACE_AT4))[0] = 0
    elif info[0] != 0xFE or (info[1] & 0xC0) != 0x80:
        (<uint32_t *> (info + INTERFACE_AT6))[0] = 0


cdef inline uint32_t send_batch(int descriptor, mmsghdr *headers, uint32_t count) noexcept nogil:
    """Send the first `count` datagrams; return how many could not be sent.

    One client's reply that cannot go out (a port 0, no route, a full buffer) does not keep the
    others' back.
    """
    cdef uint32_t failed = 0
    cdef int sent
    while count:
        sent = sendmmsg(descriptor, headers, count, MSG_DONTWAIT)
        if sent <= 0:
            if errno == EINTR:
                continue
            failed += 1
            sent = 1
        headers += sent
        count -= sent
    return failed
