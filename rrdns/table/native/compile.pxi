# A Python table's parts to the structures that are executed. This runs on the control side, once
# for each table, and knows no more of DNS than `rrdns.table.table` does.


# --- entries ----------------------------------------------------------------------------------

cdef void fill_entry(entry_t *to, Arena arena, object entry, int rrtype) except *:
    cdef object template = entry.template
    cdef object bodies = entry.bodies if template is None else (template.body,)
    cdef body_t *made = <body_t *> arena.take(len(bodies) * sizeof(body_t))
    cdef Py_ssize_t index
    if not bodies or [len(head) for head in entry.heads] != [10] * 4:
        raise ValueError("an entry has at least one body, and four heads of ten octets")
    for index, head in enumerate(entry.heads):
        memcpy(to.heads[index], <const uint8_t *> <bytes> head, 10)
    for index, body in enumerate(bodies):
        made[index].octets = copied(arena, body)
        made[index].size = len(body)
    to.rrtype = rrtype
    to.rcode_tally = entry.tally % (len(SLOTS) * len(RCODE_MNEMONICS))
    to.rotor = entry.rotor
    to.bodies = made
    to.body_count = len(bodies)
    if template is not None:
        fill_moves(to, arena, template)


cdef void fill_moves(entry_t *to, Arena arena, object template) except *:
    cdef move_t *own = <move_t *> arena.take(len(template.own) * sizeof(move_t))
    cdef uint32_t *apex = <uint32_t *> arena.take(len(template.apex) * sizeof(uint32_t))
    cdef Py_ssize_t index, size = len(template.body)
    for index, (offset, distance) in enumerate(template.own):
        own[index].at = checked(offset, size)
        own[index].distance = distance
    for index, offset in enumerate(template.apex):
        apex[index] = checked(offset, size)
    to.is_template = 1
    to.own = own
    to.own_count = len(template.own)
    to.apex = apex
    to.apex_count = len(template.apex)


cdef uint32_t checked(Py_ssize_t offset, Py_ssize_t size) except? 0xFFFFFFFF:
    """Return where a pointer stands; ValueError if that is not within its body."""
    if offset < 0 or offset + 2 > size:
        raise ValueError("a pointer stands outside of its body")
    return <uint32_t> offset


cdef const entry_t *new_entry(Arena arena, object entry, int rrtype) except? NULL:
    """Return an entry, NULL for None."""
    cdef entry_t *made
    if entry is None:
        return NULL
    made = <entry_t *> arena.take(sizeof(entry_t))
    fill_entry(made, arena, entry, rrtype)
    return made


cdef const node_t *new_node(Arena arena, object node) except? NULL:
    """Return a node, NULL for None."""
    cdef node_t *made
    cdef entry_t *entries
    cdef Py_ssize_t index
    if node is None:
        return NULL
    made = <node_t *> arena.take(sizeof(node_t))
    entries = <entry_t *> arena.take(len(node.entries) * sizeof(entry_t))
    for index, (type_and_class, entry) in enumerate(node.entries.items()):
        if int.from_bytes(type_and_class[2:], "big") != CLASS_IN:
            raise ValueError("an entry is not of class IN")
        fill_entry(&entries[index], arena, entry, int.from_bytes(type_and_class[:2], "big"))
    made.entries = entries
    made.entry_count = len(node.entries)
    made.nodata = new_entry(arena, node.nodata, 0)
    return made


# --- names ------------------------------------------------------------------------------------

cdef void fill_map(map_t *to, Arena arena, dict numbers, bint relative) except *:
    """Fill a map from names (prefixes where they are relative) to their numbers."""
    cdef uint64_t mask = 7, place
    cdef key_t *keys
    cdef bytes name
    cdef Py_ssize_t depth
    while mask < 2 * <uint64_t> len(numbers):
        mask = 2 * mask + 1
    keys = <key_t *> arena.take((mask + 1) * sizeof(key_t))
    for name, number in numbers.items():
        place = hash_of(name, len(name)) & mask
        while keys[place].octets != NULL:
            place = (place + 1) & mask
        keys[place].hash = hash_of(name, len(name))
        keys[place].octets = copied(arena, name)
        keys[place].size = len(name)
        keys[place].value = number
        depth = sum(1 for _ in suffix_offsets(name + ROOT if relative else name)) - 1
        to.depths[depth >> 6] |= <uint64_t> 1 << (depth & 63)
    to.keys = keys
    to.mask = mask


cdef void fill_branch(branch_t *to, Arena arena, object nodes, object absence) except *:
    """Fill in what stands below an apex; `nodes` are a profile's by prefix, a zone has none."""
    cdef bint is_plain = not absence.wildcards and not absence.cuts
    # Where nothing hangs on which names exist, only those that say something are of use.
    cdef object prefixes = nodes if is_plain else absence.prefixes
    cdef dict numbers = {prefix: number for number, prefix in enumerate(prefixes)}
    cdef below_t *below = <below_t *> arena.take(len(numbers) * sizeof(below_t))
    cdef below_t *each
    for prefix, number in numbers.items():
        each = &below[<Py_ssize_t> number]
        each.node = new_node(arena, nodes.get(prefix))
        each.is_cut = prefix in absence.cuts
        each.has_wildcard = prefix in absence.wildcards
        each.wildcard = new_node(arena, absence.wildcards.get(prefix))
    fill_map(&to.names, arena, numbers, True)
    to.below = below
    to.nxdomain = new_entry(arena, absence.nxdomain, 0)
    to.is_plain = is_plain


cdef void note_depths(const uint8_t *blob, uint64_t size, uint64_t *depths) noexcept nogil:
    """Note how many labels the names of a domain map have."""
    cdef uint64_t at = 0
    cdef uint32_t depth
    while at + 2 < size:
        at += 2
        depth = 0
        while at < size and blob[at]:
            at += 1 + blob[at]
            depth += 1
        at += 1
        depths[(depth >> 6) & 1] |= <uint64_t> 1 << (depth & 63)
