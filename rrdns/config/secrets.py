"""The file of cookie secrets: 32 hexadecimal digits a line, as BIND and Knot write them too."""

import re

from rrdns.config.report import Place, Report
from rrdns.config.sources import SourceFile

_SECRET = re.compile(rb"[0-9A-Fa-f]{32}")


def read_secrets(report: Report, place: Place, file: SourceFile) -> tuple[bytes, ...]:
    """Return the secrets of a file, the one that signs first; '#' starts a comment.

    What is wrong is reported at its line, without the line: it may be half of a secret.
    """
    if file.failure is not None:
        report.error(place, f"cannot read {file.shown}: {file.failure}")
        return ()
    secrets = []
    faulty = False
    for number, line in enumerate(file.data.split(b"\n"), 1):
        text = line.partition(b"#")[0].strip()
        if not text:
            continue
        if _SECRET.fullmatch(text):
            secrets.append(bytes.fromhex(text.decode("ascii")))
        else:
            faulty = True
            report.error(Place(file.shown, number, 1, ""), "a secret has 32 hexadecimal digits")
    if not secrets and not faulty:
        report.error(place, f"{file.shown} has no secret: write 32 hexadecimal digits into it")
    return tuple(secrets)
