"""Asking a server with dig, as an operator would."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from support.programs import require_program


@dataclass(frozen=True, slots=True)
class Reply:
    """What dig printed; `answers` are (owner, TTL, type, RDATA), `authority` likewise."""

    status: str
    flags: frozenset[str]
    answers: tuple[tuple[str, int, str, str], ...]
    authority: tuple[tuple[str, int, str, str], ...]
    text: str

    @property
    def values(self) -> list[str]:
        """The RDATA of the answer section, in its order."""
        return [record[3] for record in self.answers]


class Dig:
    """Asks one server; `prefix` is what runs dig elsewhere (`ip netns exec ...`)."""

    def __init__(self, address: str, port: int = 53, prefix: Sequence[str] = ()) -> None:
        self.address = address
        self.port = port
        self.prefix = list(prefix)
        self.program = require_program("dig")

    def __call__(self, *words: str, check: bool = True) -> Reply:
        """Ask once, waiting 2 s; AssertionError where no answer comes, unless told otherwise."""
        done = subprocess.run(
            [
                *self.prefix,
                self.program,
                f"@{self.address}",
                *("-p", str(self.port), "+tries=1", "+time=2", "+nocookie"),
                *words,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return parse(done.stdout)

    def addresses(self, name: str, rrtype: str = "A") -> set[str]:
        """Return the addresses that a name has now."""
        return set(self(name, rrtype).values)


def parse(text: str) -> Reply:
    """Read dig's long form."""
    status = re.search(r"status: (\w+)", text)
    flags = re.search(r";; flags: ([\w ]*);", text)
    return Reply(
        status=status[1] if status else "",
        flags=frozenset(flags[1].split()) if flags else frozenset(),
        answers=_section(text, "ANSWER"),
        authority=_section(text, "AUTHORITY"),
        text=text,
    )


def _section(text: str, name: str) -> tuple[tuple[str, int, str, str], ...]:
    found = re.search(rf";; {name} SECTION:\n(.*?)\n\n", text, re.DOTALL)
    if found is None:
        return ()
    records = []
    for line in found[1].splitlines():
        owner, ttl, _, rrtype, rdata = line.split(None, 4)
        records.append((owner, int(ttl), rrtype, rdata))
    return tuple(records)
