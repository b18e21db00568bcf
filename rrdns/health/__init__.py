"""Health: what the probes say of each target, and which addresses a host answers with.

`state`, `select` and `smtp` are pure: results, bytes and times are arguments (floor 1). `probe` and
`scheduler` do the I/O around them (floor 3).
"""
