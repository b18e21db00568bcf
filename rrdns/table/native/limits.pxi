# Rate limiting as it is configured, made ready for an executor.

cdef class NativeLimits:
    def __cinit__(self, int64_t per_second, uint32_t slip, object exempt=()):
        if per_second < 1 or per_second > 1 << 30:
            raise ValueError("responses per second: from 1 to 2**30")
        self.arena = Arena()
        self.raw.per_second = per_second
        self.raw.slip = slip
        self.raw.accounts = <account_t *> self.arena.take(PLACES * sizeof(account_t))
        for family, version in enumerate((4, 6)):
            networks = sorted(collapse_addresses(
                network for network in exempt if network.version == version
            ))
            self.raw.exempt[<Py_ssize_t> family] = self._ranges(networks)
            self.raw.exempt_count[<Py_ssize_t> family] = len(networks)

    cdef const range_t *_ranges(self, list networks) except NULL:
        cdef range_t *made = <range_t *> self.arena.take(len(networks) * sizeof(range_t))
        cdef Py_ssize_t index
        cdef bytes first, last
        for index, network in enumerate(networks):
            first, last = network.network_address.packed, network.broadcast_address.packed
            memcpy(made[index].first, <const uint8_t *> first, len(first))
            memcpy(made[index].last, <const uint8_t *> last, len(last))
        return made
