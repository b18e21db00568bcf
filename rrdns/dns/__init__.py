"""The room that knows DNS: messages, lookup, the responder, zone files (floor 1, pure)."""
