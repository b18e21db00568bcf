"""One list of query cases; every executor and both transports are held to it."""
