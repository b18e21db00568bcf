"""The verb that probes a node by hand, as the server would, and shows what was said."""

import asyncio
import ipaddress
import sys
from typing import NamedTuple

import click

from rrdns.cli.completion import complete_nodes
from rrdns.cli.options import config_option
from rrdns.errors import RrdnsError
from rrdns.health.probe import TranscriptLine, full_host_name
from rrdns.health.probe import probe as run_probe
from rrdns.loading import load
from rrdns.settings import Config
from rrdns.targets import Check, ProbeResult, Target

EXIT_FAILED = 1


class Subject(NamedTuple):
    """A target, and the node and role it is of; both are empty for an address of nobody."""

    node: str
    role: str
    target: Target

    def __str__(self) -> str:
        settings = self.target.settings
        place = f"{self.target.address} port {settings.port} ({settings.check})"
        return " ".join(word for word in (self.node, self.role, place) if word)


class Probed(NamedTuple):
    """One probe's end and what was said until then."""

    result: ProbeResult
    transcript: list[TranscriptLine]


@click.command(short_help="Probe a node's addresses once, as the server does.")
@click.argument("node", metavar="NODE|ADDRESS", shell_complete=complete_nodes)
@config_option()
@click.pass_obj
def probe(path: str, node: str) -> None:
    """Probe each address of NODE once, as the server does, and show what was said.

    NODE is a node of the configuration, or a host with addresses of its own. An ADDRESS that the
    configuration has is probed with its settings, any other one with the defaults of `health`.
    Lines are marked > for what rrdns says, < for what the other side says, * for remarks.
    Exit 0: all are ok, 1: some are not.

    \b
    Examples: rrdns probe server1
              rrdns probe 192.0.2.11
    """
    subjects = _find(load(path, tolerant=True).config, node)
    failed = False
    for subject, probed in zip(subjects, asyncio.run(_probe_all(subjects)), strict=True):
        if probed is None:
            click.echo(f"{subject}: not probed: its check is none")
            continue
        _show(subject, probed)
        failed = failed or not probed.result.ok
    if failed:
        sys.exit(EXIT_FAILED)


def _find(config: Config, name: str) -> list[Subject]:
    try:
        address = str(ipaddress.ip_address(name))
    except ValueError:
        return _find_node(config, name)
    # One target can be of several nodes or roles; once is enough to know.
    distinct: dict[Target, Subject] = {}
    for subject in _subjects(config):
        if subject.target.address == address:
            distinct.setdefault(subject.target, subject)
    subjects = list(distinct.values())
    return subjects or [Subject("", "", Target(address, config.probe_defaults))]


def _find_node(config: Config, name: str) -> list[Subject]:
    wanted = name.removesuffix(".")
    found = [subject for subject in _subjects(config) if subject.node == wanted]
    if not found:
        known = ", ".join(node.name for node in config.nodes)
        raise RrdnsError(f"{config.path} has no node {name!r}; its nodes are: {known}")
    return found


def _subjects(config: Config) -> list[Subject]:
    """Return every target with whose it is: those of nodes, then those of hosts' own addresses."""
    subjects = [
        Subject(node.name, role, target)
        for node in config.nodes
        for role, targets in node.roles.items()
        for target in targets
    ]
    nodes = {node.name for node in config.nodes}
    subjects += [
        Subject(member.node, member.role, member.target)
        for host in config.hosts()
        for member in host.members
        if member.node not in nodes
    ]
    return subjects


async def _probe_all(subjects: list[Subject]) -> list[Probed | None]:
    helo = await asyncio.to_thread(full_host_name)
    return await asyncio.gather(*(_probe_one(subject.target, helo) for subject in subjects))


async def _probe_one(target: Target, helo: str | None) -> Probed | None:
    if target.settings.check is Check.NONE:
        return None
    transcript: list[TranscriptLine] = []
    return Probed(await run_probe(target, helo=helo, transcript=transcript), transcript)


def _show(subject: Subject, probed: Probed) -> None:
    result = probed.result
    outcome = str(result.reason) + (f" in {result.phase}" if result.phase else "")
    click.echo(f"{subject}: {outcome}")
    for line in probed.transcript:
        click.echo(f"  {line.seconds * 1000:8.1f} ms {line.direction} {line.text}")
    phases = (f"{phase} {seconds * 1000:.1f} ms" for phase, seconds in result.seconds.items())
    click.echo(f"  phases: {', '.join(phases) or 'none was reached'}")
