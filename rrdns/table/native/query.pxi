# A packet to a question and what its OPT says, as `rrdns.dns.query.scan` reads it. Whatever that
# finds wrong with a packet is a miss here: the responder knows what to say to it.

cdef enum:
    HEADER = 12
    MAX_LABEL = 63
    POINTER = 0xC0
    CLASS_IN = 1
    TYPE_OPT = 41
    OPTION_NSID = 3
    OPTION_COOKIE = 10
    OPTION_KEEPALIVE = 11


cdef int32_t read_query(const uint8_t *packet, uint32_t size, asked_t *asked) noexcept nogil:
    """Read a packet into `asked`: 0 if it is an ordinary query, else why it is none."""
    asked.has_cookie = 0
    if rare(size < HEADER):
        return SHORT
    if rare(packet[2] & 0x80):
        return RESPONSE
    # Opcode QUERY, and one question.
    if rare((packet[2] & 0x78) or packet[4] or packet[5] != 1):
        return MISS
    if rare(not read_question(packet, size, asked)):
        return MISS
    asked.has_opt = asked.dnssec_ok = asked.wants_nsid = asked.wants_keepalive = 0
    if not (load32(packet + 6) | packet[10] | packet[11]):
        return 0 if asked.end == size else MISS
    return 0 if read_records(packet, size, asked) else MISS


cdef inline bint read_question(const uint8_t *packet, uint32_t size, asked_t *asked) noexcept nogil:
    # A pointer has nothing to point to in a question, and a name ends within 255 octets.
    cdef uint32_t count = 0, offset = 0, length
    while True:
        if rare(HEADER + offset >= size):
            return False
        length = packet[HEADER + offset]
        asked.labels[count] = <uint8_t> offset
        if length == 0:
            break
        offset += 1 + length
        if rare(length > MAX_LABEL or offset >= MAX_NAME):
            return False
        count += 1
    asked.label_count = count
    asked.name_octets = offset + 1
    asked.end = HEADER + offset + 1 + 4
    if rare(asked.end > size):
        return False
    asked.rrtype = load16(packet + asked.end - 4)
    asked.rrclass = load16(packet + asked.end - 2)
    lower(asked.name, packet + HEADER, asked.name_octets)
    return True


cdef bint read_records(const uint8_t *packet, uint32_t size, asked_t *asked) noexcept nogil:
    """Read what follows the question: any records, one OPT among the additional, nothing else."""
    cdef uint32_t position = asked.end, start, after, section, left
    for section in range(3):
        left = load16(packet + 6 + 2 * section)
        while left:
            left -= 1
            start = position
            after = end_of_name(packet, position, size)
            if rare(after == 0 or after + 10 > size):
                return False
            position = after + 10 + load16(packet + after + 8)
            if rare(position > size):
                return False
            if load16(packet + after) != TYPE_OPT:
                continue
            # RFC 6891, section 6.1.1: one OPT, the root's, version 0.
            if rare(asked.has_opt or section != 2 or packet[start] or packet[after + 5]):
                return False
            asked.has_opt = 1
            asked.udp_octets = load16(packet + after + 2)
            asked.dnssec_ok = packet[after + 6] >> 7
            if rare(not read_options(packet + after + 10, position - after - 10, asked)):
                return False
    return position == size


cdef inline uint32_t end_of_name(const uint8_t *packet, uint32_t at, uint32_t size) noexcept nogil:
    """Return where a record's owner name ends, 0 if it does not."""
    cdef uint32_t length
    while at < size:
        length = packet[at]
        if length >= POINTER:
            return at + 2
        if length > MAX_LABEL:
            return 0
        at += 1 + length
        if length == 0:
            return at
    return 0


cdef inline bint read_options(const uint8_t *data, uint32_t size, asked_t *asked) noexcept nogil:
    cdef uint32_t at = 0, code, length
    while at < size:
        if rare(at + 4 > size):
            return False
        code = load16(data + at)
        length = load16(data + at + 2)
        at += 4
        if rare(length > size - at):
            return False
        if code == OPTION_NSID:
            asked.wants_nsid = 1
        elif code == OPTION_KEEPALIVE:
            asked.wants_keepalive = 1
        elif code == OPTION_COOKIE and not asked.has_cookie:
            # The first one counts; 8 octets, or 8 and a server cookie of 8 to 32 (RFC 7873, 5.2).
            if rare(length != 8 and (length < 16 or length > MAX_COOKIE)):
                return False
            asked.has_cookie = 1
            asked.cookie_octets = <uint8_t> length
            memcpy(asked.cookie, data + at, length)
        at += length
    return True
