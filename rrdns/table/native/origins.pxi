# Where rotations go on when a table follows another: what `rrdns.table.rotation` says of it.

cdef class _Led:
    """How often addresses have led a host; counted when it is asked for, which is rarely."""

    cdef NativeExecutor executor
    cdef object host
    cdef object leads
    cdef bint was_asked

    def get(self, address, default=0):
        self.was_asked = True
        if self.leads is None:
            self.leads = self.executor.leads()
        return self.leads.get((self.host, address), default)


cdef tuple origins_between(
    NativeTable before, NativeTable table, list known, NativeExecutor executor,
):
    """Return origins for an executor, and those of them that hold for any (None: not that one).

    An origin is a rotor's number in the table before (-1: it is new) and the new position for each
    old one (none: as it was). `known` are those that are known to hold for any.
    """
    cdef _Led led = _Led()
    cdef list found = [], shared = []
    led.executor = executor
    for index, rotor in enumerate(table.table.rotors):
        origin = None if known is None else known[index]
        led.was_asked = False
        if origin is None:
            led.host = rotor.host
            origin = origin_of(rotor, before, led)
        found.append(origin)
        shared.append(None if led.was_asked else origin)
    return found, shared


cdef tuple origin_of(object rotor, NativeTable before, _Led led):
    cdef object number = before.numbers.get((rotor.host, rotor.rrtype))
    if number is None:
        return -1, ()
    old = before.table.rotors[number]
    return number, () if old.leads == rotor.leads else continuation(old, rotor, led)
