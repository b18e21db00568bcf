"""The golden cases' zones and profiles, in several states of health."""

from pathlib import Path

from golden.case import DIRECTORY

from rrdns.loading import load
from rrdns.model import Snapshot
from rrdns.table.snapshot import make_snapshot
from rrdns.targets import Health


def golden_snapshots(path: Path = DIRECTORY / "golden.yaml") -> list[Snapshot]:
    """Return snapshots that differ in healths only: none down, then every third target."""
    config = load(path).config
    downs = [[], *(config.targets[first::3] for first in range(3))]
    return [make_snapshot(config, {target.key: Health.DOWN for target in down}) for down in downs]
