"""A port on all of loopback that accepts connections and closes them: the nodes seem to be up."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_TIMEOUT_SECONDS = 0.2


@contextmanager
def accepting() -> Iterator[int]:
    """Accept connections to any address of 127.0.0.0/8 on one port, which is returned."""
    ending = threading.Event()

    def accept() -> None:
        while not ending.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                continue
            peer.close()

    with socket.create_server(("0.0.0.0", 0)) as listener:
        listener.settimeout(_TIMEOUT_SECONDS)
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ending.set()
            thread.join()
