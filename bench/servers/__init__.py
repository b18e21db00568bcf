"""The servers that are compared, each set up for the same job as its users would.

One worker on one port of 127.0.0.1, logging and rate limiting off, nothing kept on disk but in the
round's directory; see `world` for what they answer.
"""

from bench.servers.bind import BIND
from bench.servers.gdnsd import GDNSD
from bench.servers.knot import KNOT
from bench.servers.nsd import NSD
from bench.servers.powerdns import POWERDNS
from bench.servers.rrdns import NATIVE, PYTHON, variant

RRDNS = (variant(NATIVE, "native"), variant(PYTHON, "python"))
OTHERS = (NSD, KNOT, GDNSD, BIND)
SERVERS = (*RRDNS, *OTHERS, POWERDNS)
