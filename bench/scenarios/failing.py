"""Failover in the whole run: with less patience than `python -m bench.failover` has."""

from bench.failover.run import TITLE, Trial, compare, lacking
from bench.options import Options
from bench.report import Section

# gdnsd's defaults take longer than this, and are given up; all others are not.
_WHOLE = Trial(patience=45.0, seconds=40.0, repeats=3)
_QUICK = Trial(patience=10.0, seconds=0.0, repeats=1, settle=1.0)


def failover(options: Options) -> list[Section]:
    """Let nodes fail and return, and see when the answers of each server know of it."""
    missing = lacking()
    if missing is not None:
        return [Section("failover", TITLE, [f"Not measured: it takes {missing}."])]
    return [compare(options.smtp, _QUICK if options.quick else _WHOLE)]
