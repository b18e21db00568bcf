"""What HTTP clients see of a running server: metrics, health, status and the control verbs.

This room reads one View for each request and never keeps state of the server; what changes the
server goes through the Backend that the composition root gives.
"""
