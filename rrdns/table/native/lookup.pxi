# A question to the entry that answers it, by walking the QNAME's suffixes from the whole name up:
# the deepest apex answers. It follows `rrdns.table.executor.PythonExecutor` step by step.

cdef enum:
    TYPE_DS = 43
    FIRST_META = 128    # QTYPEs from here to 255 mean something else than "records of this type"
    LAST_META = 255
    NOT_FOUND = -1

cdef struct found_t:
    const entry_t *entry
    uint32_t apex_at         # where the apex begins within the QNAME


cdef void read_packet(
    const executor_t *state, asked_t *asked, const uint8_t *packet, uint32_t size,
) noexcept nogil:
    """Read a packet, and ask the memory for where its QNAME may stand among the domains."""
    cdef const domains_t *domains = &state.edition.table.fixed.domains
    asked.code = read_query(packet, size, asked)
    if asked.code == 0:
        asked.hashed = hash_of(asked.name, asked.name_octets)
        prefetch(&domains.slots[asked.hashed & domains.mask])


cdef void read_ahead(const executor_t *state, const asked_t *asked) noexcept nogil:
    """Ask the memory for the domain that the QNAME may be."""
    cdef const domains_t *domains = &state.edition.table.fixed.domains
    cdef uint64_t word
    if asked.code == 0:
        word = domains.slots[asked.hashed & domains.mask]
        if word >> 32 == asked.hashed >> 32:
            prefetch(domains.blob + <uint32_t> word)


cdef bint find_entry(const table_t *table, const asked_t *asked, found_t *found) noexcept nogil:
    """Find what answers a question; False is a miss."""
    cdef const static_t *fixed = table.fixed
    cdef const place_t *place = NULL
    cdef const branch_t *branch
    cdef const profile_t *profile
    cdef uint32_t index = 0, depth = asked.label_count
    cdef uint64_t hashed
    cdef bint in_zones, in_domains
    while True:
        in_zones = has_depth(fixed.names.depths, depth)
        in_domains = has_depth(fixed.domains.depths, depth)
        if in_zones or in_domains:
            hashed = asked.hashed if index == 0 else hash_of(
                asked.name + asked.labels[index], asked.name_octets - asked.labels[index]
            )
            place = find_place(fixed, asked, index, hashed) if in_zones else NULL
            if index == 0 and place != NULL:
                if place.host >= 0 and table.hosts[place.host] != NULL:
                    return at_node(table.hosts[place.host], asked, 0, found)
                if place.node != NULL:
                    return at_node(place.node, asked, 0, found)
            profile = find_domain(fixed, asked, index, hashed) if in_domains else NULL
            if index == 0 and profile != NULL:
                return at_node(profile.apex, asked, 0, found)
            if rare(place != NULL and place.is_ancestor):
                return False
            if index:
                branch = NULL
                if place != NULL:
                    branch = place.zone
                if branch == NULL and profile != NULL:
                    branch = &profile.branch
                if branch != NULL:
                    found.apex_at = asked.labels[index]
                    return is_common(asked) and in_branch(branch, asked, index, found)
        if depth == 0:
            break
        depth -= 1
        index += 1
    found.entry = fixed.refused
    found.apex_at = asked.labels[index]
    return is_common(asked)


cdef inline bint is_common(const asked_t *asked) noexcept nogil:
    """Tell whether the QTYPE is one of records, and no name has a reason to treat it apart."""
    cdef uint32_t rrtype = asked.rrtype
    return not (
        rrtype == 0 or rrtype == TYPE_OPT or rrtype == TYPE_DS
        or (FIRST_META <= rrtype <= LAST_META)
    )


cdef inline bint at_node(
    const node_t *node, const asked_t *asked, uint32_t apex_at, found_t *found,
) noexcept nogil:
    """Find what a name says to the QTYPE."""
    cdef uint32_t index
    found.apex_at = apex_at
    for index in range(node.entry_count):
        if node.entries[index].rrtype == asked.rrtype:
            found.entry = &node.entries[index]
            return True
    found.entry = node.nodata
    return node.nodata != NULL and is_common(asked)


# --- below an apex ----------------------------------------------------------------------------

cdef bint in_branch(
    const branch_t *branch, const asked_t *asked, uint32_t apex_index, found_t *found,
) noexcept nogil:
    """Find what answers a name below the apex that is label number `apex_index` of the QNAME."""
    cdef const below_t *below = find_below(branch, asked, 0, apex_index)
    cdef const below_t *encloser = NULL
    cdef uint32_t index = 0
    if below != NULL and below.node != NULL:
        return at_node(below.node, asked, found.apex_at, found) and found.entry.is_template
    if not branch.is_plain:
        # RFC 4592, section 3.3.1: the nearest ancestor that exists decides.
        while True:
            if below != NULL:
                if below.is_cut:
                    return False
                if encloser == NULL:
                    encloser = below
            if index == apex_index:
                break
            index += 1
            below = find_below(branch, asked, index, apex_index)
        if encloser != NULL and encloser.has_wildcard:
            return (
                encloser.wildcard != NULL
                and at_node(encloser.wildcard, asked, found.apex_at, found)
                and found.entry.is_template
            )
    found.entry = branch.nxdomain
    return branch.nxdomain != NULL


cdef inline const below_t *find_below(
    const branch_t *branch, const asked_t *asked, uint32_t index, uint32_t apex_index,
) noexcept nogil:
    cdef const uint8_t *prefix = asked.name + asked.labels[index]
    cdef uint32_t size = asked.labels[apex_index] - asked.labels[index]
    cdef int64_t number
    if not has_depth(branch.names.depths, apex_index - index):
        return NULL
    number = find_name(&branch.names, hash_of(prefix, size), prefix, size)
    if number == NOT_FOUND:
        return NULL
    return branch.below + number


# --- names to what is known of them -----------------------------------------------------------

cdef inline bint has_depth(const uint64_t *depths, uint32_t count) noexcept nogil:
    """Tell whether any of a set of names has so many labels."""
    return depths[count >> 6] >> (count & 63) & 1


cdef inline int64_t find_name(
    const map_t *names, uint64_t hashed, const uint8_t *octets, uint32_t size,
) noexcept nogil:
    cdef uint64_t place = hashed & names.mask
    cdef const key_t *key
    while True:
        key = &names.keys[place]
        if key.octets == NULL:
            return NOT_FOUND
        if key.hash == hashed and key.size == size and memcmp(key.octets, octets, size) == 0:
            return key.value
        place = (place + 1) & names.mask


cdef inline const place_t *find_place(
    const static_t *fixed, const asked_t *asked, uint32_t index, uint64_t hashed,
) noexcept nogil:
    cdef const uint8_t *name = asked.name + asked.labels[index]
    cdef uint32_t size = asked.name_octets - asked.labels[index]
    cdef int64_t number = find_name(&fixed.names, hashed, name, size)
    if number == NOT_FOUND:
        return NULL
    return fixed.places + number


cdef inline const profile_t *find_domain(
    const static_t *fixed, const asked_t *asked, uint32_t index, uint64_t hashed,
) noexcept nogil:
    """Return a filtered domain's profile; the blob is read only where the hash's half agrees."""
    cdef const domains_t *domains = &fixed.domains
    cdef const uint8_t *name = asked.name + asked.labels[index]
    cdef uint32_t size = asked.name_octets - asked.labels[index]
    cdef uint64_t place = hashed & domains.mask, word, offset
    while True:
        word = domains.slots[place]
        if word == 0:
            return NULL
        if word >> 32 == hashed >> 32:
            # One more than where the record begins: the second octet of its profile's number.
            offset = <uint32_t> word
            if offset + 1 + size <= domains.blob_size and memcmp(
                domains.blob + offset + 1, name, size
            ) == 0:
                return fixed.profiles + load16(domains.blob + offset - 1)
        place = (place + 1) & domains.mask
