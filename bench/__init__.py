"""What rrdns costs beside other authoritative servers: CPU per query and rate, in one run."""
