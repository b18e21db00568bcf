# Server cookies (RFC 7873, RFC 9018), as `rrdns.dns.cookie` makes and checks them.

cdef enum:
    CLIENT_COOKIE = 8
    WHOLE_COOKIE = 24       # a client cookie and a server cookie of ours
    SECRET = 16
    MAX_AGE_SECONDS = 3600
    RENEWAL_SECONDS = 1800
    MAX_AHEAD_SECONDS = 300


cdef inline uint64_t turned(uint64_t word, int bits) noexcept nogil:
    return word << bits | word >> (64 - bits)


cdef inline void sip_round(uint64_t *v) noexcept nogil:
    v[0] += v[1]
    v[1] = turned(v[1], 13) ^ v[0]
    v[0] = turned(v[0], 32)
    v[2] += v[3]
    v[3] = turned(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = turned(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = turned(v[1], 17) ^ v[2]
    v[2] = turned(v[2], 32)


cdef uint64_t siphash24(const uint8_t *key, const uint8_t *data, uint32_t size) noexcept nogil:
    """Return SipHash-2-4 of data with a key of 16 octets."""
    cdef uint64_t k0 = load64_little(key), k1 = load64_little(key + 8), word
    cdef uint64_t v[4]
    cdef uint32_t at = 0
    cdef uint8_t last[8]
    v[0] = k0 ^ <uint64_t> 0x736F6D6570736575
    v[1] = k1 ^ <uint64_t> 0x646F72616E646F6D
    v[2] = k0 ^ <uint64_t> 0x6C7967656E657261
    v[3] = k1 ^ <uint64_t> 0x7465646279746573
    while at + 8 <= size:
        word = load64_little(data + at)
        v[3] ^= word
        sip_round(v)
        sip_round(v)
        v[0] ^= word
        at += 8
    memset(last, 0, 8)
    memcpy(last, data + at, size - at)
    last[7] = <uint8_t> size
    word = load64_little(last)
    v[3] ^= word
    sip_round(v)
    sip_round(v)
    v[0] ^= word
    v[2] ^= 0xFF
    for at in range(4):
        sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef uint64_t signature(
    const uint8_t *secret, const uint8_t *cookie, const uint8_t *client, uint32_t client_octets,
) noexcept nogil:
    """Return the hash of a client cookie, the head of a server cookie and the client's address."""
    cdef uint8_t signed_[CLIENT_COOKIE + 8 + 16]
    memcpy(signed_, cookie, CLIENT_COOKIE + 8)
    memcpy(signed_ + CLIENT_COOKIE + 8, client, client_octets)
    return siphash24(secret, signed_, CLIENT_COOKIE + 8 + client_octets)


cdef bint is_signed(
    const asked_t *asked, const uint8_t *secrets, uint32_t count, int32_t oldest_seconds,
    uint32_t now, const uint8_t *client, uint32_t client_octets,
) noexcept nogil:
    """Tell whether the query has a cookie of ours, made with one of so many secrets."""
    cdef int32_t age_seconds
    cdef uint32_t index
    if not asked.has_cookie or asked.cookie_octets != WHOLE_COOKIE or asked.cookie[8] != 1:
        return False
    # Serial number arithmetic (RFC 1982): the timestamp is unsigned and wraps in 2106.
    age_seconds = <int32_t> (now - load32(asked.cookie + 12))
    if age_seconds < -MAX_AHEAD_SECONDS or age_seconds > oldest_seconds:
        return False
    for index in range(count):
        if load64_little(asked.cookie + 16) == signature(
            secrets + SECRET * index, asked.cookie, client, client_octets
        ):
            return True
    return False


cdef void write_cookie(
    uint8_t *to, const asked_t *asked, const uint8_t *secrets, uint32_t now,
    const uint8_t *client, uint32_t client_octets,
) noexcept nogil:
    """Write the 24 octets for the reply: the cookie that came while it is new, else one of now."""
    if is_signed(asked, secrets, 1, RENEWAL_SECONDS, now, client, client_octets):
        memcpy(to, asked.cookie, WHOLE_COOKIE)
        return
    memcpy(to, asked.cookie, CLIENT_COOKIE)
    store32(to + 8, 0x01000000)
    store32(to + 12, now)
    store64_little(to + 16, signature(secrets, to, client, client_octets))
