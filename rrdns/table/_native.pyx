"""The compiled executor: a packet and a table to a reply, or a miss, without the interpreter.

It does what `rrdns.table.executor` does in Python, with the same tables and the same tests. The
parts stand in `native/`, each about one thing; `_native.pxd` has the structures that they share, and
says how a loop uses them.

The pure function from packet and table to reply (query, lookup, reply) knows no socket and no clock.
"""

from collections import Counter
from ipaddress import collapse_addresses
from weakref import ref

from rrdns.dns.options import Asker, Transport, reply_options
from rrdns.dns.query import Edns
from rrdns.domainmap import DomainMap
from rrdns.names import ROOT, suffix_offsets
from rrdns.rrtypes import RCODE_MNEMONICS
from rrdns.table.rotation import Rotation, continuation
from rrdns.table.table import SLOTS, TALLY_KEYS, tally

# The hot path: a packet to its reply.
include "native/octets.pxi"
include "native/query.pxi"
include "native/lookup.pxi"
include "native/cookie.pxi"
include "native/reply.pxi"
include "native/rotation.pxi"
include "native/limit.pxi"

# The control side: what is executed, and who executes it.
include "native/arena.pxi"
include "native/compile.pxi"
include "native/table.pxi"
include "native/origins.pxi"
include "native/limits.pxi"
include "native/executor.pxi"
