# An entry to the reply: in place, the question staying where it is. Whether all of it fits is known
# before the first octet is written, so that a miss leaves the packet as it was.

cdef enum:
    FLAG_TC = 0x02
    NO_EDNS_LIMIT = 512
    IPV6_LIMIT = 1280 - 40 - 8      # no router on the way may fragment it (RFC 8200, section 5)
    TCP_LIMIT = 65535
    FIRST_TCP_SLOT = 2
    OPT_HEAD = 11
    COOKIE_OPTION = 4 + WHOLE_COOKIE
    KEEPALIVE_OPTION = 6
    EDE_OPTION = 6
    EDE_NOT_AUTHORITATIVE = 20


cdef int32_t execute(
    executor_t *state, uint8_t *buffer, uint32_t size, uint32_t room,
    const uint8_t *client, uint32_t client_octets, uint32_t slot,
) noexcept nogil:
    read_packet(state, &state.own, buffer, size)
    return execute_read(state, &state.own, buffer, room, client, client_octets, slot)


cdef int32_t execute_read(
    executor_t *state, const asked_t *asked, uint8_t *buffer, uint32_t room,
    const uint8_t *client, uint32_t client_octets, uint32_t slot,
) noexcept nogil:
    cdef found_t found
    state.asked = asked
    if asked.code:
        return asked.code
    if rare(asked.rrclass != CLASS_IN) or not find_entry(state.edition.table, asked, &found):
        return MISS
    return write_reply(state, &found, buffer, room, client, client_octets, slot)


cdef inline int32_t write_reply(
    executor_t *state, const found_t *found, uint8_t *buffer, uint32_t room,
    const uint8_t *client, uint32_t client_octets, uint32_t slot,
) noexcept nogil:
    cdef const asked_t *asked = state.asked
    cdef const entry_t *entry = found.entry
    cdef const table_t *table = state.edition.table
    cdef const body_t *body = entry.bodies
    cdef bint tells_why = entry == table.fixed.refused
    cdef uint32_t opt_size = size_of_opt(table, asked, slot, tells_why) if asked.has_opt else 0
    cdef uint32_t rest = asked.end + opt_size
    cdef bint is_truncated
    if entry.rotor >= 0:
        body = &entry.bodies[state.edition.rotors[entry.rotor].position]
    # Whatever the buffer has room for, the client's limit decides whether the reply is whole.
    is_truncated = rest + body.size > limit_of(table, asked, client_octets, slot)
    if rare(rest + (0 if is_truncated else body.size) > room):
        return MISS
    if entry.rotor >= 0:
        step(&state.edition.rotors[entry.rotor])
    memcpy(buffer + 2, entry.heads[(buffer[2] & 1) + 2 * asked.has_opt], 10)
    rest = asked.end
    if rare(is_truncated):
        count(&state.truncated)
        buffer[2] |= FLAG_TC
        memset(buffer + 6, 0, 6)
        buffer[11] = asked.has_opt
    else:
        memcpy(buffer + rest, body.octets, body.size)
        if entry.is_template:
            move_pointers(entry, asked, found.apex_at, buffer + rest)
        rest += body.size
    if asked.has_opt:
        write_opt(buffer + rest, opt_size, table, state, client, client_octets, slot, tells_why)
    count(&state.counts[first_tally(state, asked.rrtype) + entry.rcode_tally + slot])
    return rest + opt_size


cdef inline uint32_t first_tally(const executor_t *state, uint32_t rrtype) noexcept nogil:
    # Type 0 has no label of its own, and stands for all that have none.
    return state.first_tally[rrtype if rrtype < TYPE_PLACES else 0]


cdef inline uint32_t limit_of(
    const table_t *table, const asked_t *asked, uint32_t client_octets, uint32_t slot,
) noexcept nogil:
    """Return the largest reply, as `rrdns.dns.query.limit_octets`."""
    cdef uint32_t limit
    if slot >= FIRST_TCP_SLOT:
        return TCP_LIMIT
    if not asked.has_opt:
        return NO_EDNS_LIMIT
    limit = asked.udp_octets
    if limit < NO_EDNS_LIMIT:
        limit = NO_EDNS_LIMIT
    if limit > table.udp_payload:
        limit = table.udp_payload
    return IPV6_LIMIT if client_octets == 16 and limit > IPV6_LIMIT else limit


cdef inline void move_pointers(
    const entry_t *entry, const asked_t *asked, uint32_t apex_at, uint8_t *body,
) noexcept nogil:
    """Let a template's pointers point to where this QNAME has put their targets."""
    cdef uint32_t index
    for index in range(entry.own_count):
        store16(body + entry.own[index].at, 0xC000 | (asked.end + entry.own[index].distance))
    for index in range(entry.apex_count):
        store16(body + entry.apex[index], 0xC000 | (HEADER + apex_at))


# --- the OPT of the reply ---------------------------------------------------------------------

cdef inline uint32_t size_of_opt(
    const table_t *table, const asked_t *asked, uint32_t slot, bint tells_why,
) noexcept nogil:
    cdef uint32_t size = OPT_HEAD
    if asked.wants_nsid:
        size += table.nsid_size
    if asked.has_cookie and table.secret_count:
        size += COOKIE_OPTION
    if asked.wants_keepalive and slot >= FIRST_TCP_SLOT:
        size += KEEPALIVE_OPTION
    return size + EDE_OPTION if tells_why else size


cdef inline void write_opt(
    uint8_t *to, uint32_t size, const table_t *table, const executor_t *state,
    const uint8_t *client, uint32_t client_octets, uint32_t slot, bint tells_why,
) noexcept nogil:
    """Write our size, DO repeated, and the options in the order of their codes."""
    cdef const asked_t *asked = state.asked
    memset(to, 0, OPT_HEAD)
    to[2] = TYPE_OPT
    store16(to + 3, table.udp_payload)
    to[7] = asked.dnssec_ok << 7
    store16(to + 9, size - OPT_HEAD)
    to += OPT_HEAD
    if asked.wants_nsid and table.nsid_size:
        memcpy(to, table.nsid, table.nsid_size)
        to += table.nsid_size
    if asked.has_cookie and table.secret_count:
        store16(to, OPTION_COOKIE)
        store16(to + 2, WHOLE_COOKIE)
        write_cookie(to + 4, asked, table.secrets, state.cookie_time, client, client_octets)
        to += COOKIE_OPTION
    if asked.wants_keepalive and slot >= FIRST_TCP_SLOT:
        memcpy(to, table.keepalive, KEEPALIVE_OPTION)
        to += KEEPALIVE_OPTION
    if tells_why:
        store32(to, 15 << 16 | 2)
        store16(to + 4, EDE_NOT_AUTHORITATIVE)
