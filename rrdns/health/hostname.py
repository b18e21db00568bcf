"""The name that probes call themselves where the configuration gives none."""

import socket
import threading

from rrdns.health.probe import full_host_name, is_full_name


class HostName:
    """This machine's full host name: `text`, None while it is not known.

    A resolver may be slow or, while a machine starts, be waiting for us; no probe waits for it,
    because an address literal does as well.
    """

    def __init__(self) -> None:
        name = socket.gethostname()
        self.text = name if is_full_name(name) else None
        if self.text is None:
            threading.Thread(target=self._learn, daemon=True).start()

    def _learn(self) -> None:
        self.text = full_host_name()
