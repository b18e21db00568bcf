"""Hosts and their healths in a few letters, for tests of selection."""

from rrdns.model import Host, Member, MinHealthy, Selection
from rrdns.names import from_text
from rrdns.targets import Health, ProbeSettings, Target, TargetKey

ONE = MinHealthy()
LETTERS = {"u": Health.UP, "d": Health.DOWN, "?": Health.UNKNOWN, "p": Health.PENDING}


def make_host(
    v4: str, v6: str = "", min_healthy: MinHealthy = ONE
) -> tuple[Host, dict[TargetKey, Health]]:
    """Return a host and its healths from words such as ``u d 2u``: a tier (1) and a state each."""
    members: list[Member] = []
    healths: dict[TargetKey, Health] = {}
    for form, words in (("192.0.2.{}", v4), ("2001:db8::{}", v6)):
        for number, word in enumerate(words.split(), start=1):
            target = Target(form.format(number), ProbeSettings())
            tier = int(word[:-1] or 1)
            members.append(Member(f"server{number}", "primary", target, tier=tier))
            healths[target.key] = LETTERS[word[-1]]
    return Host(from_text("mx1.example.com."), tuple(members), min_healthy=min_healthy), healths


def numbers(selection: Selection) -> str:
    """Return the selected addresses by their last digits."""
    return "".join(member.target.address[-1] for member in selection.selected)


def count(value: int) -> MinHealthy:
    return MinHealthy(value)


def percent(value: int) -> MinHealthy:
    return MinHealthy(value, percent=True)
