"""The one list of query cases."""

from golden.answers import ANSWERS
from golden.options import OPTIONS
from golden.protocol import PROTOCOL

CASES = (*ANSWERS, *PROTOCOL, *OPTIONS)
