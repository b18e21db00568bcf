"""What the compiled executor is made of, for whoever cimports it: the UDP loop does.

A loop owns a `NativeExecutor` and uses its `state`, without the GIL, from one thread:

    adopt_offered(state)                  after each receive: the newest table, the newest limits
    set_clock(state, unix_now)            about once a second, for cookies
    size = execute(state, ...)            a packet becomes its reply in place, or is MISS
    size = limit_reply(state, ...)        where rate limiting is on; 0: send nothing

Everything that a table has is immutable. What moves (turns, counts, accounts) belongs to an
executor, and one thread writes it; others read it, so the words of it are written whole.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    # What `execute` returns where there is no reply to send. The packet is as it was.
    MISS = -1      # the responder's business
    SHORT = -2     # too short for a header: silence
    RESPONSE = -3  # QR is set: silence

cdef enum:
    SLOT_COUNT = 4          # protocol and family, as `table.SLOTS` has them
    MAX_NAME = 255
    MAX_LABELS = 128        # 127 and the root
    MAX_COOKIE = 40
    TYPE_PLACES = 258       # types that have a label of their own are below this


# --- a table ----------------------------------------------------------------------------------

cdef struct body_t:
    # The octets after the question, for one step of a rotation.
    const uint8_t *octets
    uint32_t size

cdef struct move_t:
    # A pointer in a body that moves with the QNAME: where it stands, and how far behind the
    # body's start its target is.
    uint32_t at
    uint32_t distance

cdef struct entry_t:
    # One remembered answer, as `table.Entry`.
    uint8_t heads[4][10]     # octets 2 to 11 of the reply; index RD + 2 * has an OPT
    uint16_t rrtype
    uint16_t rcode_tally     # where the counters of its RCODE begin, within those of a type
    int32_t rotor            # -1: nothing rotates, the first body is the only one
    uint32_t body_count
    uint32_t own_count
    uint32_t apex_count
    uint8_t is_template
    const body_t *bodies
    const move_t *own        # pointers to names in the body
    const uint32_t *apex     # pointers to the apex within the QNAME, by where they stand

cdef struct node_t:
    # One owner name: entries by QTYPE, all of class IN; and what answers the other types.
    uint32_t entry_count
    const entry_t *entries
    const entry_t *nodata    # NULL: they are misses

cdef struct key_t:
    uint64_t hash
    const uint8_t *octets
    uint32_t size            # 0 with octets NULL: an empty place
    uint32_t value

cdef struct map_t:
    # Names to numbers, by open addressing. `depths` has a bit for each number of labels that
    # one of the names has: others need not be looked for.
    const key_t *keys
    uint64_t mask
    uint64_t depths[2]

cdef struct below_t:
    # A name in a zone or profile, relative to its apex.
    const node_t *node       # a profile's; a zone's nodes stand in `static_t.places`
    const node_t *wildcard   # with has_wildcard: NULL is the responder's business
    uint8_t has_wildcard
    uint8_t is_cut           # a delegation or redirection: names at or below it are misses

cdef struct branch_t:
    # What stands below an apex, and what answers names that do not.
    map_t names
    const below_t *below     # by number in `names`
    const entry_t *nxdomain  # NULL: misses
    uint8_t is_plain         # neither wildcards nor cuts

cdef struct place_t:
    # What is known of one absolute name of our own zones.
    int32_t host             # its number in `table_t.hosts`, -1 for another name
    const node_t *node
    const branch_t *zone     # the name is a zone's apex
    uint8_t is_ancestor      # an apex stands below it: the responder's business

cdef struct profile_t:
    const node_t *apex
    branch_t branch

cdef struct domains_t:
    # The filtered domains, as `rrdns.domainmap` stores them.
    const uint64_t *slots
    uint64_t mask
    const uint8_t *blob
    uint64_t blob_size
    uint64_t depths[2]

cdef struct static_t:
    # What a health change leaves as it is; tables share it.
    map_t names
    const place_t *places    # by number in `names`
    domains_t domains
    const profile_t *profiles
    const entry_t *refused

cdef struct table_t:
    const static_t *fixed
    const node_t **hosts     # the names that rotate; NULL: not answered by itself
    uint16_t udp_payload
    uint16_t secret_count
    uint32_t nsid_size
    const uint8_t *nsid      # the whole option; size 0: not told
    uint8_t keepalive[6]     # the whole option
    const uint8_t *secrets   # 16 octets each, the first signs


# --- what one executor owns -------------------------------------------------------------------

cdef struct rotor_t:
    uint64_t turn            # steps since the start, counted on over publishes
    uint32_t position        # turn modulo count
    uint32_t count           # variants

cdef struct origin_t:
    # Where a rotor goes on from: the one before, and its new position for each old one.
    int32_t number           # in the edition before; -1: it is new
    uint32_t count           # of `positions`; 0: as it was
    const uint32_t *positions

cdef struct account_t:
    uint64_t tag
    int64_t balance
    uint32_t credited_at
    uint32_t limited

cdef struct range_t:
    uint8_t first[16]
    uint8_t last[16]

cdef struct limits_t:
    # Rate limiting as configured, and the accounts. Executors may share them: two threads that meet
    # at an account leave it a reply out in its balance, and nothing worse.
    int64_t per_second
    uint32_t slip
    uint32_t exempt_count[2]    # IPv4, IPv6; sorted and apart
    const range_t *exempt[2]
    account_t *accounts

cdef struct edition_t:
    # One thing that was offered to an executor: a table, with the rotation under it.
    const table_t *table
    limits_t *limits         # NULL: no rate limiting
    uint64_t number
    uint32_t rotor_count
    rotor_t *rotors
    uint64_t *starts         # `rotor_t.turn` when the edition was adopted
    const origin_t *origins
    edition_t *newer         # NULL: there is none

cdef struct asked_t:
    # A packet's question and OPT.
    int32_t code             # 0, or why the packet is no ordinary query
    uint64_t hashed          # of the whole name
    uint32_t name_octets
    uint32_t end             # where the question ends in the packet
    uint32_t label_count
    uint16_t rrtype
    uint16_t rrclass
    uint16_t udp_octets
    uint8_t has_opt
    uint8_t dnssec_ok
    uint8_t wants_nsid
    uint8_t wants_keepalive
    uint8_t has_cookie
    uint8_t cookie_octets
    uint8_t labels[MAX_LABELS]    # offsets in `name`, the root's last
    uint8_t cookie[MAX_COOKIE]
    uint8_t name[MAX_NAME + 1]    # lowercase

cdef struct executor_t:
    edition_t *edition       # the one in use
    uint64_t adopted         # its number, for the control side
    int64_t unix_now
    uint32_t cookie_time
    uint64_t truncated
    uint64_t limited[2]      # dropped, slipped
    uint64_t *counts         # by type, RCODE and slot, as `table.TALLY_KEYS`
    uint16_t first_tally[TYPE_PLACES]
    const asked_t *asked     # the query that was executed last
    asked_t own              # where `execute` reads one


# --- for a loop -------------------------------------------------------------------------------

# Make the packet of `size` octets in `buffer` its own reply, of at most `room` octets (room is at
# least size); return the reply's size or one of the codes above. `client` is the packed address
# (4 or 16 octets).
cdef int32_t execute(
    executor_t *state, uint8_t *buffer, uint32_t size, uint32_t room,
    const uint8_t *client, uint32_t client_octets, uint32_t slot,
) noexcept nogil

# The same in steps, for who has several packets at hand: what a step asks the memory for is there
# when the next one is taken, if those of other packets come between. The table has to stay the same.
cdef void read_packet(
    const executor_t *state, asked_t *asked, const uint8_t *packet, uint32_t size,
) noexcept nogil
cdef void read_ahead(const executor_t *state, const asked_t *asked) noexcept nogil
cdef int32_t execute_read(
    executor_t *state, const asked_t *asked, uint8_t *buffer, uint32_t room,
    const uint8_t *client, uint32_t client_octets, uint32_t slot,
) noexcept nogil

# Limit the reply that `execute` just made: return the size to send, 0 for nothing. `now` is in
# whole seconds of a clock that does not go back.
cdef uint32_t limit_reply(
    executor_t *state, uint8_t *reply, uint32_t size,
    const uint8_t *client, uint32_t client_octets, int64_t now,
) noexcept nogil

# Go on to the newest table and limits that the control side offered; cheap where there are none.
cdef void adopt_offered(executor_t *state) noexcept nogil

# Make and check cookies with this time, in unix seconds.
cdef void set_clock(executor_t *state, int64_t unix_now) noexcept nogil


cdef class Arena:
    cdef void **_blocks
    cdef size_t _count
    cdef uint8_t *_free
    cdef size_t _left
    cdef void *take(self, size_t size) except NULL

cdef class NativeExecutor

cdef class NativeTable:
    cdef table_t raw
    cdef readonly object table   # the Python one
    cdef readonly object fixed   # the static part that it shares
    cdef dict hosts              # by name: what owns its entries
    cdef dict numbers            # of rotors, by host and type
    cdef list _origins           # where its rotors go on from those of the table before
    cdef object _before          # that one, weakly
    cdef object __weakref__
    cdef Arena arena
    cdef void _fill_hosts(self, dict known) except *
    cdef void _fill_options(self, object snapshot) except *
    cdef list origins(self, NativeTable before, NativeExecutor executor)

cdef class NativeLimits:
    cdef limits_t raw
    cdef Arena arena
    cdef const range_t *_ranges(self, list networks) except NULL

cdef class NativeExecutor:
    cdef executor_t *state       # for the thread that executes
    cdef list _editions          # those that are in use, or will be
    cdef object _earlier         # leads of those that are not
    cdef uint32_t _stagger
    cdef uint8_t *_scratch
    cdef void _offer(self, NativeTable table, NativeLimits limits) except *
