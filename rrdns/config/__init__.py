"""The room that knows the configuration's language (floor 1, pure): text in, Config out.

The only importer of yaml, pydantic and idna. Files are read by `rrdns.loading`, which also brings
the parsers of RDATA and zone files from the room `dns`.
"""

from rrdns.config.check import Checked, check
from rrdns.config.resolve import Inputs, Resolved, referenced_files, resolve
from rrdns.config.sources import SourceFile

__all__ = [
    "Checked",
    "Inputs",
    "Resolved",
    "SourceFile",
    "check",
    "referenced_files",
    "resolve",
]
