"""Telling systemd how the service is (sd_notify(3)); without systemd nothing is told."""

import logging
import os
import socket

_log = logging.getLogger("rrdns.server")


class Notifier:
    """Sends states to the socket that systemd names in NOTIFY_SOCKET, if it does.

    WATCHDOG=1 may be sent at any time; systemd ignores it where no watchdog is set.
    """

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET")

    def tell(self, state: str) -> None:
        """Send one state, such as ``READY=1``; a failure is logged and no more."""
        if self._address is None:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto(state.encode(), address)
        except OSError as error:
            _log.warning("systemd could not be told %r: %s", state, error.strerror)
