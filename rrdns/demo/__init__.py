"""The demo: a server on loopback and three small SMTP nodes behind it, to play with.

`stage` runs the whole; `node` is the program of one node, small so that three of it cost little.
"""
