"""NODATA for a name that has records of the types that the compiler would ask for it with."""

import pytest
from support.tables import CONFIGURATION, UDP4, ask, expected, snapshot_of

from rrdns.table.compiler import compile_table
from rrdns.table.executor import PythonExecutor

_RECORDS = r"""
      odd: [{type: TYPE65534, value: '\# 1 00'}, {type: TYPE65533, value: '\# 1 01'}]
"""


@pytest.mark.parametrize("name", ["odd.example.com.", "odd.customer.test."])
def test_private_types_are_never_the_answer_to_others(name: str) -> None:
    text = CONFIGURATION.replace("    records:\n", f"    records:{_RECORDS}", 2).replace(
        "    records:\n      www: {type: CNAME", f"    records:{_RECORDS}      www: {{type: CNAME"
    )
    snapshot = snapshot_of(text)
    executor = PythonExecutor(compile_table(snapshot, 1))
    for rrtype in ("TXT", "TYPE65280", "TYPE65532", "TYPE65533", "TYPE65534"):
        packet = ask(name, rrtype)
        assert executor.execute(packet, UDP4) == expected(packet, snapshot)
