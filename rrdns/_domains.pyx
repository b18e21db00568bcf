"""The loops over a million domains, compiled: each does what the Python function of its name does.

`rrdns.domainloops` and `rrdns.config.domains` have those, say what they mean, and use them where this
is not built.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcmp

cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030E0000
    #define rrdns_hash(octets, size) ((uint64_t) Py_HashBuffer((octets), (size)))
    #else
    /* Python 3.13 exports it without a declaration for everybody. */
    PyAPI_FUNC(Py_hash_t) _Py_HashBytes(const void *, Py_ssize_t);
    #define rrdns_hash(octets, size) ((uint64_t) _Py_HashBytes((octets), (size)))
    #endif
    """
    # The hash that Python gives the octets as `bytes`.
    uint64_t hash_of "rrdns_hash"(const uint8_t *octets, Py_ssize_t size) nogil

cdef enum:
    MAX_LABEL_OCTETS = 63
    MAX_NAME_OCTETS = 255
    BLOCK_OCTETS = 65536
    REMEMBERED = 64

cdef uint64_t TAG = 0xFFFFFFFF00000000
cdef uint64_t OFFSET = 0x00000000FFFFFFFF


def insert(bytearray blob, object slots, Py_ssize_t end, list names):
    cdef Py_buffer view
    cdef list known = []
    PyObject_GetBuffer(slots, &view, PyBUF_WRITABLE)
    try:
        _insert(blob, <uint64_t *> view.buf, view.len // 8 - 1, end + 1, names, known)
    finally:
        PyBuffer_Release(&view)
    return known


cdef int _insert(
    bytearray blob, uint64_t *slots, uint64_t mask, Py_ssize_t offset, list names, list known
) except -1:
    cdef Py_ssize_t index, size
    cdef uint64_t hashed, place, word
    cdef bytes name
    for index in range(len(names)):
        name = names[index]
        size = PyBytes_GET_SIZE(name)
        hashed = <uint64_t> hash(name)
        place = hashed & mask
        while True:
            word = slots[place]
            if word == 0:
                slots[place] = hashed & TAG | <uint64_t> offset
                offset += size + 2
                break
            if not (word ^ hashed) & TAG and _stands(blob, (word & OFFSET) + 1, name, size):
                known.append(index)
                del blob[offset - 1 : offset + 1 + size]
                break
            place = (place + 1) & mask
    return 0


cdef inline bint _stands(bytearray blob, Py_ssize_t at, bytes name, Py_ssize_t size):
    """Tell whether a name is at this place; the memory of `blob` moves when records are cut out."""
    return at + size <= PyByteArray_GET_SIZE(blob) and not memcmp(
        PyByteArray_AS_STRING(blob) + at, PyBytes_AS_STRING(name), size
    )


# --- names above ------------------------------------------------------------------------------


def parents(bytearray blob, object slots, object zones, Py_ssize_t start):
    cdef const uint8_t *data = <const uint8_t *> PyByteArray_AS_STRING(blob)
    cdef const uint8_t *name
    cdef const uint8_t *stop
    cdef Py_ssize_t end = PyByteArray_GET_SIZE(blob), last = min(end, start + BLOCK_OCTETS)
    cdef Py_ssize_t size
    cdef set found = set()
    cdef apexes_t apexes
    # Where the parents are that were seen last; most names have one of a few.
    cdef const uint8_t *seen[REMEMBERED]
    cdef Py_ssize_t sizes[REMEMBERED]
    cdef Py_ssize_t place
    cdef Py_buffer view
    for place in range(REMEMBERED):
        sizes[place] = 0
    for place in range(MAX_NAME_OCTETS + 1):
        apexes.is_zones_size[place] = False
    for zone in zones:
        apexes.is_zones_size[min(len(zone), MAX_NAME_OCTETS)] = True
    apexes.blob = data
    apexes.octets = end
    PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
    try:
        apexes.slots = <const uint64_t *> view.buf
        apexes.mask = view.len // 8 - 1
        while start < last:
            name = data + start + 2
            stop = <const uint8_t *> memchr(name, 0, data + end - name)
            if stop == NULL or stop - name >= MAX_NAME_OCTETS:
                raise ValueError("a record has no end")
            start = stop + 1 - data
            if name == stop:
                continue
            name += 1 + name[0]
            size = stop + 1 - name
            # The octets before the end tell top levels apart.
            place = size * 31 + (stop[-1] if size > 1 else 0) * 7 + (stop[-2] if size > 2 else 0)
            place %= REMEMBERED
            if sizes[place] == size and not memcmp(seen[place], name, size):
                continue
            seen[place] = name
            sizes[place] = size
            if not _is_apex(&apexes, zones, name, size) and _is_below(&apexes, zones, name, stop):
                found.add(PyBytes_FromStringAndSize(<const char *> name, size))
    finally:
        PyBuffer_Release(&view)
    return found, start


cdef struct apexes_t:
    const uint8_t *blob
    Py_ssize_t octets
    const uint64_t *slots
    uint64_t mask
    # Whether a zone's apex has so many octets.
    bint is_zones_size[MAX_NAME_OCTETS + 1]


cdef int _is_below(
    const apexes_t *apexes, object zones, const uint8_t *name, const uint8_t *stop
) except -1:
    """Tell whether an apex stands above a name, which ends at `stop`."""
    while name < stop:
        name += 1 + name[0]
        if _is_apex(apexes, zones, name, stop + 1 - name):
            return True
    return False


cdef int _is_apex(
    const apexes_t *apexes, object zones, const uint8_t *name, Py_ssize_t size
) except -1:
    if _find(apexes.blob, apexes.octets, apexes.slots, apexes.mask, name, size) >= 0:
        return True
    return (
        apexes.is_zones_size[size]
        and PyBytes_FromStringAndSize(<const char *> name, size) in zones
    )


# --- two maps ---------------------------------------------------------------------------------


def strangers(bytearray blob, bytearray other, object slots, list numbers, Py_ssize_t start):
    cdef const uint8_t *data = <const uint8_t *> PyByteArray_AS_STRING(blob)
    cdef const uint8_t *there = <const uint8_t *> PyByteArray_AS_STRING(other)
    cdef const uint8_t *record
    cdef const uint8_t *stop
    cdef Py_ssize_t end = PyByteArray_GET_SIZE(blob), last = min(end, start + BLOCK_OCTETS)
    cdef Py_ssize_t size, place
    cdef Py_buffer view
    cdef list found = []
    PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
    try:
        while start < last:
            record = data + start
            stop = <const uint8_t *> memchr(record + 2, 0, end - start - 2)
            if stop == NULL:
                raise ValueError("a record has no end")
            start = stop + 1 - data
            size = stop - record - 1
            place = _find(
                there, PyByteArray_GET_SIZE(other), <const uint64_t *> view.buf,
                view.len // 8 - 1, record + 2, size,
            )
            if place < 0 or _number(there + place) != <int> numbers[_number(record)]:
                found.append(PyBytes_FromStringAndSize(<const char *> record + 2, size))
    finally:
        PyBuffer_Release(&view)
    return found, start


cdef inline int _number(const uint8_t *record) noexcept nogil:
    return record[0] << 8 | record[1]


cdef inline Py_ssize_t _find(
    const uint8_t *blob, Py_ssize_t octets, const uint64_t *slots, uint64_t mask,
    const uint8_t *name, Py_ssize_t size,
) noexcept nogil:
    """Return the offset of a name's record, -1 for none."""
    cdef uint64_t hashed = hash_of(name, size), place = hashed & mask, word
    cdef Py_ssize_t offset
    while True:
        word = slots[place]
        if word == 0:
            return -1
        if not (word ^ hashed) & TAG:
            offset = (word & OFFSET) + 1
            if offset + size <= octets and not memcmp(blob + offset, name, size):
                return offset - 2
        place = (place + 1) & mask


# --- lines ------------------------------------------------------------------------------------


def plain_names(bytes piece):
    cdef const uint8_t *at = <const uint8_t *> PyBytes_AS_STRING(piece)
    cdef const uint8_t *end = at + PyBytes_GET_SIZE(piece)
    cdef uint8_t name[MAX_NAME_OCTETS]
    cdef list names = []
    cdef int size
    while at < end:
        size = _plain_name(&at, end, name)
        if size == 0:
            return None
        names.append(PyBytes_FromStringAndSize(<const char *> name, size))
    return names or None


cdef int _plain_name(const uint8_t **at, const uint8_t *end, uint8_t *name) noexcept nogil:
    """Read a line into `name`, and go on to the next; return its octets, 0 for no plain line."""
    cdef const uint8_t *line = at[0]
    cdef int size = 1, label = 0, labels = 0
    cdef uint8_t octet, first
    while True:
        if line == end or line[0] == c"\n" or (
            line[0] == c"\r" and line + 1 < end and line[1] == c"\n"
        ):
            break
        octet = line[0]
        line += 1
        if c"A" <= octet <= c"Z":
            octet += 32
        if octet == c".":
            if not _end_label(name, label, size) or size >= MAX_NAME_OCTETS:
                return 0
            labels += 1
            label = size
            size += 1
            continue
        if not (c"a" <= octet <= c"z" or c"0" <= octet <= c"9" or octet == c"_" or octet == c"-"):
            return 0
        if size >= MAX_NAME_OCTETS:
            return 0
        name[size] = octet
        size += 1
    if not _end_label(name, label, size) or not labels or size >= MAX_NAME_OCTETS:
        return 0
    first = name[label + 1]
    if c"0" <= first <= c"9":
        return 0
    name[size] = 0
    if line < end and line[0] == c"\r":
        line += 1
    at[0] = line + 1 if line < end else line
    return size + 1


cdef inline bint _end_label(uint8_t *name, int label, int size) noexcept nogil:
    """Write the length of the label that begins at `label`; tell whether it may be one."""
    cdef int octets = size - label - 1
    if not 0 < octets <= MAX_LABEL_OCTETS:
        return False
    if name[label + 1] == c"-" or name[size - 1] == c"-":
        return False
    name[label] = octets
    return True
