"""Whether packets to a peer leave this machine at all, as the kernel knows it.

Linux tells no caller of connect() that its SYN was dropped on the way out, by a local firewall or a
full queue: it tries again until the caller gives up. But it counts each try, and apart from these
the ones that were sent.
"""

import socket
import struct
import sys
from typing import Final

# struct tcp_info of linux/tcp.h, an ABI that only ever grows at its end: tcpi_state, tcpi_retrans
# (retransmissions under way), tcpi_total_retrans (tries of one).
_INFO: Final = struct.Struct("=B35xI60xI")
_SYN_SENT: Final = 2


def is_held_back(sock: socket.socket) -> bool:
    """Tell whether no packet of a connection attempt was let out by this machine.

    Certain only after the kernel's first retransmission, a second after the first try; False before
    it, and where the kernel does not tell.
    """
    if sys.platform != "linux":
        return False
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
    except OSError:
        return False
    if len(info) < _INFO.size:
        return False
    state, under_way, tried = _INFO.unpack(info)
    return bool(state == _SYN_SENT and tried and not under_way)
