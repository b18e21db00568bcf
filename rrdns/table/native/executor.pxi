# The executor as Python knows it: the control side of a loop's, and the whole of the one for TCP.

cdef enum:
    SCRATCH = 65535


cdef class _Edition:
    """One edition's memory, and what it refers to."""

    cdef edition_t raw
    cdef NativeTable table
    cdef NativeLimits limits
    cdef Arena arena

    def __cinit__(self, NativeTable table, NativeLimits limits, uint64_t number):
        cdef object rotors = table.table.rotors
        cdef rotor_t *made
        cdef Py_ssize_t index
        self.table = table
        self.limits = limits
        self.arena = Arena()
        self.raw.table = &table.raw
        self.raw.limits = NULL if limits is None else &limits.raw
        self.raw.number = number
        self.raw.rotor_count = len(rotors)
        made = <rotor_t *> self.arena.take(len(rotors) * sizeof(rotor_t))
        for index, rotor in enumerate(rotors):
            made[index].count = len(rotor.leads)
        self.raw.rotors = made
        self.raw.starts = <uint64_t *> self.arena.take(len(rotors) * sizeof(uint64_t))

    cdef void begin(self, uint32_t stagger, list origins) except *:
        """Say where the rotors go on from the edition before, new ones at step `stagger`."""
        cdef origin_t *made = <origin_t *> self.arena.take(len(origins) * sizeof(origin_t))
        cdef uint32_t *places
        cdef Py_ssize_t index, place
        for index, (number, positions) in enumerate(origins):
            made[index].number = number
            if number < 0:
                self.raw.rotors[index].turn = stagger
            places = <uint32_t *> self.arena.take(len(positions) * sizeof(uint32_t))
            for place, position in enumerate(positions):
                places[place] = position
            made[index].positions = places
            made[index].count = len(positions)
        self.raw.origins = made

    cdef bint has_moved(self) noexcept:
        """Tell whether anybody led in this edition."""
        cdef uint32_t index
        for index in range(self.raw.rotor_count):
            if self.raw.rotors[index].turn != self.raw.starts[index]:
                return True
        return False

    cdef object leads(self, object earlier):
        """Return who led up to the end of this edition, or up to now; `earlier` led before it."""
        cdef uint32_t index, size = self.raw.rotor_count
        cdef tuple starts = tuple([self.raw.starts[index] for index in range(size)])
        cdef list turns = [counted(&self.raw.rotors[index].turn) for index in range(size)]
        return Rotation(self.table.table.rotors, {}, starts, turns, earlier).leads()


cdef class NativeExecutor:
    def __cinit__(self, object table, uint32_t stagger=0):
        cdef NativeTable native = as_native(table, None)
        cdef _Edition first = _Edition(native, None, 1)
        first.begin(stagger, native.origins(None, None))
        self.state = <executor_t *> own_lines(sizeof(executor_t))
        self.state.counts = <uint64_t *> own_lines(
            len(TALLY_KEYS) * SLOT_COUNT * sizeof(uint64_t)
        )
        self._scratch = <uint8_t *> own_lines(SCRATCH)
        for rrtype in range(TYPE_PLACES):
            self.state.first_tally[<Py_ssize_t> rrtype] = tally(rrtype, RCODE_NOERROR)
        take_over(NULL, &first.raw)
        self.state.edition = &first.raw
        self.state.asked = &self.state.own
        self.state.adopted = 1
        self._editions = [first]
        self._earlier = Counter()
        self._stagger = stagger

    def __dealloc__(self):
        if self.state != NULL:
            free(self.state.counts)
        free(self.state)
        free(self._scratch)

    # --- tables, limits and time --------------------------------------------------------------

    def offer(self, object table):
        cdef _Edition newest = self._editions[-1]
        self._offer(as_native(table, newest.table), newest.limits)

    def limit_to(self, NativeLimits limits):
        cdef _Edition newest = self._editions[-1]
        self._offer(newest.table, limits)

    cdef void _offer(self, NativeTable table, NativeLimits limits) except *:
        cdef _Edition newest = self._editions[-1]
        cdef _Edition made = _Edition(table, limits, newest.raw.number + 1)
        made.begin(self._stagger, table.origins(newest.table, self))
        self._editions.append(made)
        publish_edition(&newest.raw.newer, &made.raw)
        self.release()

    def release(self):
        cdef uint64_t adopted = published_number(&self.state.adopted)
        cdef _Edition oldest
        while True:
            oldest = self._editions[0]
            if oldest.raw.number >= adopted:
                return
            if oldest.has_moved():
                self._earlier = oldest.leads(self._earlier)
            del self._editions[0]

    def adopt(self, object table):
        self.offer(table)
        adopt_offered(self.state)
        self.release()

    def set_time(self, double unix_now):
        set_clock(self.state, <int64_t> unix_now)

    def allow_plans(self, int count):
        pass

    @property
    def table(self):
        return (<_Edition> self._editions[-1]).table.table

    @property
    def cookie_time(self):
        return self.state.cookie_time

    # --- answering ----------------------------------------------------------------------------

    def execute(self, bytes packet, uint32_t slot, bytes client=bytes(4)):
        cdef int32_t size
        check_asker(slot, client)
        if len(packet) > SCRATCH:
            return None
        memcpy(self._scratch, <const uint8_t *> packet, len(packet))
        size = execute(
            self.state, self._scratch, len(packet), SCRATCH,
            <const uint8_t *> client, len(client), slot,
        )
        return self._scratch[:size] if size >= 0 else None

    def execute_within(self, bytes packet, uint32_t room, uint32_t slot, bytes client=bytes(4)):
        cdef uint8_t *buffer
        cdef int32_t size
        check_asker(slot, client)
        if room < len(packet):
            raise ValueError("a buffer has room for its packet")
        buffer = copy_of(packet, room)
        size = execute(
            self.state, buffer, len(packet), room, <const uint8_t *> client, len(client), slot
        )
        try:
            return size, buffer[:size if size >= 0 else len(packet)]
        finally:
            free(buffer)

    def limit(self, bytes client, bytes packet, bytes reply, int64_t now):
        cdef uint8_t *buffer
        cdef uint32_t size
        check_asker(0, client)
        if len(reply) < HEADER:
            raise ValueError("a reply has a header")
        read_packet(self.state, &self.state.own, packet, len(packet))
        self.state.asked = &self.state.own
        buffer = copy_of(reply, len(reply))
        size = limit_reply(
            self.state, buffer, len(reply), <const uint8_t *> client, len(client), now
        )
        try:
            return buffer[:size] if size else None
        finally:
            free(buffer)

    def turn(self, object host, int rrtype):
        cdef _Edition newest
        cdef rotor_t *rotor
        adopt_offered(self.state)
        newest = self._editions[-1]
        rotor = &newest.raw.rotors[<Py_ssize_t> newest.table.numbers[host, rrtype]]
        turn = rotor.turn
        step(rotor)
        return turn

    # --- counts -------------------------------------------------------------------------------

    @property
    def truncated(self):
        return counted(&self.state.truncated)

    def limited(self):
        cdef Py_ssize_t index
        found = {}
        for index, action in enumerate(("dropped", "slipped")):
            if number := counted(&self.state.limited[index]):
                found[action] = number
        return found

    def answered(self):
        cdef Py_ssize_t index = 0, slot
        found = {}
        for label, rcode in TALLY_KEYS:
            for slot in range(SLOT_COUNT):
                if number := counted(&self.state.counts[index + slot]):
                    found[label, rcode, slot] = number
            index += SLOT_COUNT
        return found

    def leads(self):
        cdef uint64_t adopted = published_number(&self.state.adopted)
        cdef _Edition edition
        leads = self._earlier
        for edition in self._editions:
            if edition.raw.number <= adopted:
                leads = edition.leads(leads)
        return Counter(leads)


cdef uint8_t *copy_of(bytes octets, size_t room) except NULL:
    """Return octets in a buffer of exactly so much room, for a sanitizer to watch; free it."""
    cdef uint8_t *buffer = <uint8_t *> malloc(max(room, <size_t> 1))
    if buffer == NULL:
        raise MemoryError
    memcpy(buffer, <const uint8_t *> octets, len(octets))
    return buffer


cdef void check_asker(uint32_t slot, bytes client) except *:
    if slot >= SLOT_COUNT or len(client) not in (4, 16):
        raise ValueError("a slot is from 0 to 3, and a packed address has 4 octets or 16")


cdef NativeTable as_native(object table, NativeTable previous):
    return table if isinstance(table, NativeTable) else NativeTable(table, previous)
