# The steps of rotations, and the change to another table under the feet of whoever executes it.
#
# The control side prepares an edition (a table, fresh rotors, where they go on from) and hangs it
# behind the newest one. The executing thread goes on to it when it looks for it next; from then on
# nothing writes to the edition before, so that its turns tell for good who led under its table.


cdef inline void step(rotor_t *rotor) noexcept nogil:
    count(&rotor.turn)
    rotor.position += 1
    if rotor.position >= rotor.count:
        rotor.position = 0


cdef void adopt_offered(executor_t *state) noexcept nogil:
    cdef edition_t *newer = published_edition(&state.edition.newer)
    while newer != NULL:
        take_over(state.edition, newer)
        state.edition = newer
        publish_number(&state.adopted, newer.number)
        newer = published_edition(&newer.newer)


cdef void take_over(const edition_t *old, edition_t *edition) noexcept nogil:
    """Begin an edition's rotors where those of the one before say; new ones are set already."""
    cdef uint32_t index
    cdef const rotor_t *before
    cdef const origin_t *origin
    cdef rotor_t *rotor
    for index in range(edition.rotor_count):
        origin = &edition.origins[index]
        rotor = &edition.rotors[index]
        if origin.number >= 0:
            before = &old.rotors[origin.number]
            if origin.count:
                rotor.turn = origin.positions[before.position % origin.count]
            else:
                rotor.turn = before.turn
        rotor.position = <uint32_t> (rotor.turn % rotor.count) if rotor.count else 0
        edition.starts[index] = rotor.turn


cdef void set_clock(executor_t *state, int64_t unix_now) noexcept nogil:
    state.unix_now = unix_now
    # Of the minute, as `rrdns.dns.options.cookie_time` says.
    state.cookie_time = <uint32_t> (unix_now - unix_now % 60)
