"""The View that every page is made from, and the questions that all pages ask of it.

Frozen data and pure functions: no clock is read here, both clocks' times come with the View.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rrdns.health.overrides import Place, override_of
from rrdns.health.select import Overrides
from rrdns.health.state import TargetState
from rrdns.model import Host, Selection, Snapshot, TrafficCounts
from rrdns.settings import Config
from rrdns.targets import Family, Override, Reason, Target, TargetKey, Verdict
from rrdns.web.history import History


@dataclass(frozen=True, slots=True)
class ReloadState:
    """How the last attempt to load the configuration ended; times are unix seconds.

    `loaded_at` is when the configuration in force was loaded, `last_error` is None after a
    success.
    """

    last_successful: bool
    last_success_at: float
    last_error: str | None
    loaded_at: float


@dataclass(frozen=True, slots=True)
class Reloaded:
    """How a reload ended: the errors it was refused for, else what it changed; a line each."""

    errors: Sequence[str] = ()
    changes: Sequence[str] = ()


@dataclass(frozen=True)
class View:
    """One moment of the server: all that its pages may say; built anew for each request.

    `publish_seconds` is how long the last publish took. `monotonic_now` and `unix_now` are the
    same moment on the scheduler's clock and on the calendar's; `started_at` is unix seconds.
    `troubles` says in words what of the server makes no progress.
    `history` has the last hour's states;
    `overrides` are those in force, `saved_overrides` those that a restart would find.
    """

    config: Config
    snapshot: Snapshot
    states: Mapping[TargetKey, TargetState]
    generation: int
    ready: bool
    troubles: tuple[str, ...]
    reload: ReloadState
    traffic: TrafficCounts
    probe_failures: Mapping[tuple[TargetKey, Reason], int]
    probes_void: int
    publish_seconds: float
    started_at: float
    executor: str
    monotonic_now: float
    unix_now: float
    overrides: Overrides = field(default_factory=dict)
    saved_overrides: Overrides = field(default_factory=dict)
    history: History = field(default_factory=History)

    @property
    def healthy(self) -> bool:
        """Whether all loops make progress, those that probe too; a dead node changes nothing."""
        return not self.troubles

    def unix(self, monotonic: float) -> float:
        """Return the unix seconds of a time on the scheduler's clock."""
        return self.unix_now - (self.monotonic_now - monotonic)

    def verdict(self, target: Target) -> Verdict:
        """Return what the probes say of a target."""
        state = self.states.get(target.key)
        return Verdict.UNKNOWN if state is None else state.verdict


class Use(NamedTuple):
    """A target as one node and role, or one host with addresses of its own, uses it."""

    node: str
    role: str
    target: Target

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """The values of the target labels: node, role, address, port."""
        return self.node, self.role, self.target.address, str(self.target.settings.port)

    def override(self, view: View) -> tuple[Place, Override] | None:
        """Return the override that holds for it, and for what that was set."""
        return override_of(view.overrides, self.node, self.role)


def uses(config: Config) -> tuple[Use, ...]:
    """Return each (node, role, address, port) that some host uses, once, in their order."""
    found: dict[tuple[str, str, str, int], Use] = {}
    for host in config.hosts():
        for member in host.members:
            target = member.target
            place = (member.node, member.role, target.address, target.settings.port)
            if place not in found:
                found[place] = Use(member.node, member.role, target)
    return tuple(found.values())


def selections(view: View) -> Iterator[tuple[Host, Selection]]:
    """Yield each host with its selection in each family in which it has addresses."""
    for host in view.config.hosts():
        families = {member.target.family for member in host.members}
        for family in Family:
            answer = view.snapshot.answers.get((host.name, family.rrtype))
            if family in families and answer is not None:
                yield host, answer.selection


def in_rotation(view: View) -> frozenset[Use]:
    """Return the uses whose address is answered by some host that has them."""
    found: set[Use] = set()
    for host, selection in selections(view):
        answered = {member.target.address for member in selection.selected}
        found.update(
            Use(member.node, member.role, member.target)
            for member in host.considered(selection.family)
            if member.target.address in answered
        )
    return frozenset(found)
