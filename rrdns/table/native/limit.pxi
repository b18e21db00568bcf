# Response rate limiting, as `rrdns.table.ratelimit` does it: accounts in a fixed number of places,
# credited every second and debited by every reply. These accounts belong to one executor.

cdef enum:
    PLACES = 1 << 16
    WINDOW_SECONDS = 15
    DROPPED = 0
    SLIPPED = 1
    RCODE_NOERROR = 0
    RCODE_NXDOMAIN = 3
    IPV4_PREFIX = 3     # octets: a /24
    IPV6_PREFIX = 7     # a /56
    LONGEST_ACCOUNT = 1 + IPV6_PREFIX + MAX_NAME + 1 + 4


cdef uint32_t limit_reply(
    executor_t *state, uint8_t *reply, uint32_t size,
    const uint8_t *client, uint32_t client_octets, int64_t now,
) noexcept nogil:
    cdef limits_t *limits = state.edition.limits
    cdef account_t *account
    if limits == NULL or is_exempt(limits, client, client_octets):
        return size
    account = account_of(limits, reply, size, client, client_octets, now)
    if has_credit(account, limits.per_second, now):
        return size
    return over_limit(state, account, reply, size, client, client_octets)


cdef bint is_exempt(
    const limits_t *limits, const uint8_t *client, uint32_t client_octets,
) noexcept nogil:
    """Find a client in the ranges of its family by halving; they are sorted and apart."""
    cdef uint32_t family = client_octets == 16
    cdef const range_t *ranges = limits.exempt[family]
    cdef uint32_t low = 0, high = limits.exempt_count[family], middle
    while low < high:
        middle = (low + high) >> 1
        if memcmp(client, ranges[middle].last, client_octets) > 0:
            low = middle + 1
        elif memcmp(client, ranges[middle].first, client_octets) < 0:
            high = middle
        else:
            return True
    return False


cdef account_t *account_of(
    limits_t *limits, const uint8_t *reply, uint32_t size,
    const uint8_t *client, uint32_t client_octets, int64_t now,
) noexcept nogil:
    """Return the account of a client's prefix and of what such replies are counted by.

    A newcomer takes the place of whom it collides with; it begins with a second's worth, and one.
    """
    cdef uint8_t key[LONGEST_ACCOUNT]
    cdef uint32_t octets = IPV4_PREFIX if client_octets == 4 else IPV6_PREFIX
    cdef uint64_t tag
    cdef account_t *account
    key[0] = <uint8_t> octets
    memcpy(key + 1, client, octets)
    octets += 1
    octets += write_kind(key + octets, reply, size)
    tag = hash_of(key, octets)
    account = &limits.accounts[tag & (PLACES - 1)]
    if account.tag != tag:
        account.tag = tag
        account.credited_at = <uint32_t> now
        account.balance = limits.per_second
        account.limited = 0
    return account


cdef uint32_t write_kind(uint8_t *to, const uint8_t *reply, uint32_t size) noexcept nogil:
    """Write what replies are counted together by; return its size: see `ratelimit.account`."""
    cdef uint32_t start = HEADER, end = end_of_name(reply, HEADER, size)
    to[0] = reply[3] & 15
    if to[0] != RCODE_NOERROR and to[0] != RCODE_NXDOMAIN:
        return 1
    if reply[5] == 0 or end == 0 or end > HEADER + MAX_NAME or end + 4 > size:
        return 1
    if not (reply[6] | reply[7]) and reply[8] | reply[9] and reply[end + 4] == POINTER:
        # The owner of the first authority record: the zone, by its place in the question.
        start = min(<uint32_t> reply[end + 5], end)
    else:
        end += 4
    lower(to, reply + start, end - start)
    return end - start


cdef bint has_credit(account_t *account, int64_t per_second, int64_t now) noexcept nogil:
    cdef int64_t balance = account.balance - 1
    cdef int64_t elapsed = <int32_t> (<uint32_t> now - account.credited_at)
    if elapsed:
        account.credited_at = <uint32_t> now
        balance = min(balance + elapsed * per_second, per_second - 1)
    account.balance = max(balance, -WINDOW_SECONDS * per_second)
    return balance >= 0


cdef uint32_t over_limit(
    executor_t *state, account_t *account, uint8_t *reply, uint32_t size,
    const uint8_t *client, uint32_t client_octets,
) noexcept nogil:
    """Return the size of what is sent in place of a reply that is over its account's limit."""
    cdef const table_t *table = state.edition.table
    cdef uint32_t slip = state.edition.limits.slip
    if is_signed(
        state.asked, table.secrets, table.secret_count, MAX_AGE_SECONDS,
        <uint32_t> state.unix_now, client, client_octets,
    ):
        return size
    account.limited += 1
    if not slip or account.limited % slip:
        count(&state.limited[DROPPED])
        return 0
    count(&state.limited[SLIPPED])
    # An error is as small as what would stand for it.
    if (reply[3] & 15) != RCODE_NOERROR and (reply[3] & 15) != RCODE_NXDOMAIN:
        return size
    return empty_reply(reply, size)


cdef uint32_t empty_reply(uint8_t *reply, uint32_t size) noexcept nogil:
    """Take a reply's records out but for an OPT, the last one, and set TC; return its new size."""
    cdef uint32_t end = HEADER, at, start, left
    cdef bint has_opt
    if reply[5]:
        end = end_of_name(reply, end, size) + 4
    at = start = end
    left = load16(reply + 6) + load16(reply + 8) + load16(reply + 10)
    while left:
        left -= 1
        start = at
        at = end_of_name(reply, at, size)
        at += 10 + load16(reply + at + 8)
    has_opt = size - start > 2 and reply[start] == 0 and load16(reply + start + 1) == TYPE_OPT
    reply[2] |= FLAG_TC
    memset(reply + 6, 0, 6)
    reply[11] = has_opt
    if not has_opt:
        return end
    memmove(reply + end, reply + start, size - start)
    return end + size - start
