"""The same zones in NSD, Knot and rrdns: replies compared section by section."""
