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
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self._socket: socket.socket | None = None
        if self._address:
            # Kept open: with no file descriptor left, the watchdog has to be fed all the same.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def tell(self, state: str) -> None:
        """Send one state, such as ``READY=1``; a failure is logged and no more."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(state.encode(), self._address)
        except OSError as error:
            _log.warning("systemd could not be told %r: %s", state, error.strerror)

    def close(self) -> None:
        """Tell nothing any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
