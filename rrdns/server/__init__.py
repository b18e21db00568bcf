"""The room of DNS sockets: binding, the UDP loop, TCP connections (floor 3)."""
