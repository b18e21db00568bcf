"""What survives a restart: files of the state directory, each replaced as a whole or not at all.

A file that is missing, old or broken is no reason not to start, and one that cannot be written is
no reason to stop: both are told in the log.
"""
