# Octets in memory: what C says better than Cython. All of it reads and writes only what it is told.

# What `_native.pxd` numbers, for Python.
globals().update(MISS=MISS, SHORT=SHORT, RESPONSE=RESPONSE)

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    #if PY_VERSION_HEX >= 0x030E0000
    #define rrdns_hash(octets, size) ((uint64_t) Py_HashBuffer((octets), (Py_ssize_t) (size)))
    #else
    /* Python 3.13 exports it without a declaration for everybody. */
    PyAPI_FUNC(Py_hash_t) _Py_HashBytes(const void *, Py_ssize_t);
    #define rrdns_hash(octets, size) ((uint64_t) _Py_HashBytes((octets), (Py_ssize_t) (size)))
    #endif

    static inline uint16_t rrdns_load16(const uint8_t *at) {
        return (uint16_t) (at[0] << 8 | at[1]);
    }

    static inline void rrdns_store16(uint8_t *at, uint32_t value) {
        at[0] = (uint8_t) (value >> 8);
        at[1] = (uint8_t) value;
    }

    static inline uint32_t rrdns_load32(const uint8_t *at) {
        return (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
    }

    static inline void rrdns_store32(uint8_t *at, uint32_t value) {
        rrdns_store16(at, value >> 16);
        rrdns_store16(at + 2, value);
    }

    static inline uint64_t rrdns_load64_little(const uint8_t *at) {
        uint64_t value;
        memcpy(&value, at, 8);
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        value = __builtin_bswap64(value);
    #endif
        return value;
    }

    static inline void rrdns_store64_little(uint8_t *at, uint64_t value) {
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        value = __builtin_bswap64(value);
    #endif
        memcpy(at, &value, 8);
    }

    /* Eight octets at once: those from 'A' to 'Z' get the bit that makes them lowercase. */
    static inline uint64_t rrdns_lower8(uint64_t octets) {
        const uint64_t ones = UINT64_C(0x0101010101010101);
        uint64_t low = octets & 0x7f * ones;
        uint64_t from_a = low + (0x80 - 'A') * ones;
        uint64_t after_z = low + (0x80 - 'Z' - 1) * ones;
        uint64_t letters = from_a & ~after_z & ~octets & 0x80 * ones;
        return octets | letters >> 2;
    }

    /* A length octet is at most 63, below the letters: a name needs no parsing to be lowered. */
    static inline void rrdns_lower(uint8_t *to, const uint8_t *from, size_t size) {
        uint64_t octets;
        size_t at;
        if (size < 8) {
            for (at = 0; at < size; at++)
                to[at] = from[at] + ((unsigned) from[at] - 'A' < 26 ? 0x20 : 0);
            return;
        }
        for (at = 0; at + 8 <= size; at += 8) {
            memcpy(&octets, from + at, 8);
            octets = rrdns_lower8(octets);
            memcpy(to + at, &octets, 8);
        }
        /* The last eight once more, so that there is no rest. */
        memcpy(&octets, from + size - 8, 8);
        octets = rrdns_lower8(octets);
        memcpy(to + size - 8, &octets, 8);
    }

    #define rrdns_publish(place, value) __atomic_store_n((place), (value), __ATOMIC_RELEASE)
    #define rrdns_published(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)
    /* A counter has one writer, and readers who must not see half of it; both cost nothing. */
    #define rrdns_count(counter) \
        __atomic_store_n((counter), *(counter) + 1, __ATOMIC_RELAXED)
    #define rrdns_counted(counter) __atomic_load_n((counter), __ATOMIC_RELAXED)
    #define rrdns_prefetch(place) __builtin_prefetch(place)
    #define rrdns_rare(condition) __builtin_expect(!!(condition), 0)
    """
    # The hash that Python gives the octets as `bytes`: keyed anew by every process.
    uint64_t hash_of "rrdns_hash"(const uint8_t *octets, size_t size) noexcept nogil
    uint16_t load16 "rrdns_load16"(const uint8_t *at) noexcept nogil
    uint32_t load32 "rrdns_load32"(const uint8_t *at) noexcept nogil
    uint64_t load64_little "rrdns_load64_little"(const uint8_t *at) noexcept nogil
    void store16 "rrdns_store16"(uint8_t *at, uint32_t value) noexcept nogil
    void store32 "rrdns_store32"(uint8_t *at, uint32_t value) noexcept nogil
    void store64_little "rrdns_store64_little"(uint8_t *at, uint64_t value) noexcept nogil
    void lower "rrdns_lower"(uint8_t *to, const uint8_t *from_, size_t size) noexcept nogil
    # What one thread publishes is seen whole by one that finds it published.
    void publish_number "rrdns_publish"(uint64_t *place, uint64_t value) noexcept nogil
    uint64_t published_number "rrdns_published"(uint64_t *place) noexcept nogil
    void publish_edition "rrdns_publish"(edition_t **place, edition_t *value) noexcept nogil
    edition_t *published_edition "rrdns_published"(edition_t **place) noexcept nogil
    void count "rrdns_count"(uint64_t *counter) noexcept nogil
    uint64_t counted "rrdns_counted"(const uint64_t *counter) noexcept nogil
    void prefetch "rrdns_prefetch"(const void *place) noexcept nogil
    bint rare "rrdns_rare"(bint condition) noexcept nogil
