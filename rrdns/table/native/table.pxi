# A Python table as one immutable structure. What a health change leaves as it is (zones, profiles,
# domains) stands in a part that tables share; the names that rotate are shared one by one.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer

_ASKS_NSID = Edns(0, 0, False, ((OPTION_NSID, b""),))
_ASKS_KEEPALIVE = Edns(0, 0, False, ((OPTION_KEEPALIVE, b""),))


cdef class _Domains:
    """A domain map's memory, as long as this object lives."""

    cdef object map
    cdef Py_buffer _slots
    cdef Py_buffer _blob
    cdef domains_t raw

    def __cinit__(self, object domains):
        self.map = DomainMap.of(domains)
        PyObject_GetBuffer(self.map.slots, &self._slots, PyBUF_SIMPLE)
        PyObject_GetBuffer(self.map.blob, &self._blob, PyBUF_SIMPLE)
        self.raw.slots = <const uint64_t *> self._slots.buf
        self.raw.mask = len(self.map.slots) - 1
        self.raw.blob = <const uint8_t *> self._blob.buf
        self.raw.blob_size = self._blob.len
        with nogil:
            note_depths(self.raw.blob, self.raw.blob_size, self.raw.depths)

    def __dealloc__(self):
        PyBuffer_Release(&self._slots)
        PyBuffer_Release(&self._blob)


cdef class _Static:
    """What tables share whose zones, profiles and domains are the same objects."""

    cdef static_t raw
    cdef object table           # the first one with these parts
    cdef dict hosts             # name of each host -> its number
    cdef _Domains domains
    cdef Arena arena

    def __cinit__(self, object table, _Static previous):
        cdef object known = None if previous is None else previous.table.snapshot.domains
        self.table = table
        self.arena = Arena()
        self.hosts = {
            host: number
            for number, host in enumerate(dict.fromkeys(rotor.host for rotor in table.rotors))
        }
        self.domains = (
            previous.domains if known is table.snapshot.domains
            else _Domains(table.snapshot.domains)
        )
        self.raw.domains = self.domains.raw
        self.raw.refused = new_entry(self.arena, table.refused, 0)
        self._fill_places()
        self._fill_profiles()

    cdef void _fill_places(self) except *:
        cdef object table = self.table
        cdef object ancestors = table.snapshot.apex_ancestors
        cdef dict numbers = {
            name: number
            for number, name in enumerate(dict.fromkeys((*table.names, *table.zones, *ancestors)))
        }
        cdef place_t *places = <place_t *> self.arena.take(len(numbers) * sizeof(place_t))
        cdef place_t *place
        cdef branch_t *zone
        for name, number in numbers.items():
            place = &places[<Py_ssize_t> number]
            place.host = self.hosts.get(name, -1)
            if place.host < 0:
                place.node = new_node(self.arena, table.names.get(name))
            if name in table.zones:
                zone = <branch_t *> self.arena.take(sizeof(branch_t))
                fill_branch(zone, self.arena, {}, table.zones[name])
                place.zone = zone
            place.is_ancestor = name in ancestors
        fill_map(&self.raw.names, self.arena, numbers, False)
        self.raw.places = places

    cdef void _fill_profiles(self) except *:
        cdef tuple profiles = self.domains.map.profiles
        cdef profile_t *made = <profile_t *> self.arena.take(len(profiles) * sizeof(profile_t))
        cdef Py_ssize_t index
        for index, profile in enumerate(profiles):
            branch = self.table.profiles[profile.name]
            made[index].apex = new_node(self.arena, branch.nodes[b""])
            fill_branch(&made[index].branch, self.arena, branch.nodes, branch.absence)
        self.raw.profiles = made

    cdef bint serves(self, object table):
        """Tell whether a table has these very parts."""
        cdef object own = self.table
        return (
            table.zones is own.zones
            and table.profiles is own.profiles
            and table.refused is own.refused
            and table.snapshot.domains is own.snapshot.domains
            and table.snapshot.apex_ancestors == own.snapshot.apex_ancestors
        )


cdef class _HostNode:
    """The entries of one name that rotates."""

    cdef const node_t *raw
    cdef object node
    cdef Arena arena

    def __cinit__(self, object node):
        self.node = node
        self.arena = Arena()
        self.raw = new_node(self.arena, node)


cdef class NativeTable:
    def __cinit__(self, object table, NativeTable previous=None):
        cdef _Static fixed = None if previous is None else <_Static> previous.fixed
        if fixed is None or not fixed.serves(table):
            fixed = _Static(table, fixed)
        self.table = table
        self.fixed = fixed
        self.arena = Arena()
        self.numbers = {
            (rotor.host, rotor.rrtype): number for number, rotor in enumerate(table.rotors)
        }
        self.raw.fixed = &fixed.raw
        self._fill_hosts({} if previous is None else previous.hosts)
        self._fill_options(table.snapshot)

    cdef void _fill_hosts(self, dict known) except *:
        cdef dict names = (<_Static> self.fixed).hosts
        cdef const node_t **nodes = <const node_t **> self.arena.take(len(names) * sizeof(void *))
        cdef _HostNode made
        self.hosts = {}
        for name, number in names.items():
            node = self.table.names.get(name)
            # A host that stands below a delegation is not answered by its own name.
            if node is None:
                continue
            made = known.get(name)
            if made is None or made.node is not node:
                made = _HostNode(node)
            for entry in node.entries.values():
                if entry.rotor >= 0 and len(entry.bodies) != len(
                    self.table.rotors[entry.rotor].leads
                ):
                    raise ValueError("an entry has as many bodies as its rotor has leads")
            self.hosts[name] = made
            nodes[<Py_ssize_t> number] = made.raw
        self.raw.hosts = nodes

    cdef void _fill_options(self, object snapshot) except *:
        cdef bytes secrets = b"".join(snapshot.cookie_secrets)
        if len(secrets) != SECRET * len(snapshot.cookie_secrets):
            raise ValueError(f"a cookie secret has {SECRET} octets")
        self.raw.udp_payload = snapshot.udp_payload
        self.raw.secrets = copied(self.arena, secrets)
        self.raw.secret_count = len(snapshot.cookie_secrets)
        # The options as the responder writes them; whether to send one is decided for each reply.
        nsid = reply_options(_ASKS_NSID, snapshot, Asker(Transport.TCP))
        self.raw.nsid = copied(self.arena, nsid)
        self.raw.nsid_size = len(nsid)
        keepalive = reply_options(_ASKS_KEEPALIVE, snapshot, Asker(Transport.TCP))
        memcpy(self.raw.keepalive, <const uint8_t *> <bytes> keepalive, KEEPALIVE_OPTION)

    cdef list origins(self, NativeTable before, NativeExecutor executor):
        """Return where each rotor goes on from those of the table before; see `origins_between`.

        All executors go from the one table to the other: what is the same for all of them is worked
        out once.
        """
        cdef bint is_known = self._before is not None and self._before() is before
        if before is None:
            return [(-1, ())] * len(self.table.rotors)
        found, self._origins = origins_between(
            before, self, self._origins if is_known else None, executor
        )
        self._before = ref(before)
        return found

    @property
    def generation(self):
        """The table's generation."""
        return self.table.generation
