"""An operator's machine: a network, /etc, /run, /var/lib and /opt of its own, and nodes beside it.

Commands of the documentation run there as they stand, and nothing of it is seen outside.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rrdns.loading import load
from support.fences import ROOT
from support.netns import namespace
from support.processes import Background, background
from support.programs import require_program

# What a clone has that documentation speaks of.
SOURCE = (
    *("LICENSE", "MANIFEST.in", "Makefile", "README.md", "pyproject.toml", "setup.py"),
    *("config", "deploy", "man", "rrdns", "systemd"),
)
SHIPPED = ROOT / "config" / "rrdns.yaml"
# A fourth server that nobody has heard of yet, and the machine's own address.
OTHERS = {"server4": ("192.0.2.41", "192.0.2.42")}
OWN = "198.51.100.53"
# /opt may have the very Python that runs this: what is there stays to be seen.
_MOUNTS = """\
set -e
mount -t tmpfs none /mnt
mkdir /mnt/opt && cp -a /etc /mnt/etc
for found in /opt/*; do
  [ -d "$found" ] && mkdir "/mnt$found" && mount --rbind "$found" "/mnt$found"
done
rm -rf /mnt/etc/rrdns && cp -a "$1" /mnt/etc/rrdns
mkdir -p /mnt/etc/bash_completion.d
mount --bind /mnt/etc /etc
mount --rbind /mnt/opt /opt
mount -t tmpfs none /run && mkdir /run/rrdns
mount -t tmpfs none /var/lib && mkdir /var/lib/rrdns
echo mounted
exec sleep infinity
"""


# What a page did, undone for the next one.
_FRESH = """\
rm -rf /etc/rrdns /run/rrdns /var/lib/rrdns
cp -a "$SHIPPED" /etc/rrdns
mkdir /run/rrdns /var/lib/rrdns
! getent passwd rrdns >/dev/null || userdel rrdns
"""


class Machine:
    """A machine with the project's `rrdns` on its PATH; commands start in the `source`."""

    def __init__(self, process: int, directory: Path) -> None:
        self._process = process
        self.directory = directory
        self.source = directory / "source"
        self.source.mkdir()
        for entry in SOURCE:
            (self.source / entry).symlink_to(ROOT / entry)
        self.programs = directory / "bin"
        self.programs.mkdir()
        program = self.programs / "rrdns"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m rrdns "$@"\n')
        program.chmod(0o755)

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs `words` there."""
        return ["nsenter", f"--target={self._process}", "--mount", "--net", *words]

    def run(self, script: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script with bash, ended by its first failure; output and errors are one text."""
        path = f"{self.programs}:{os.environ['PATH']}:/usr/sbin:/sbin"
        return subprocess.run(
            # nsenter leaves the directory that it was called in.
            self.command("bash", "-euo", "pipefail", "-c", f"cd {self.source}\n{script}"),
            env={"PATH": path, "HOME": "/tmp", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )

    @contextmanager
    def serving(self, path: str = "/etc/rrdns/rrdns.yaml") -> Iterator[None]:
        """Run a server with a configuration while the block runs."""
        command = self.command(str(self.programs / "rrdns"), "-c", path, "serve")
        with background(command, self.directory / "serve.log") as server:
            server.wait_for_output("ready listen=")
            yield

    def refresh(self) -> None:
        """Undo what commands have changed."""
        done = self.run(_FRESH, SHIPPED=str(SHIPPED.parent))
        assert done.returncode == 0, done.stdout


@contextmanager
def machine(directory: Path) -> Iterator[Machine]:
    """Make a machine with the shipped configurations in /etc/rrdns; needs root."""
    require_program("nsenter")
    nodes = {
        node.name: [target.address for targets in node.roles.values() for target in targets]
        for node in load(SHIPPED).config.nodes
    }
    nodes |= {name: list(addresses) for name, addresses in OTHERS.items()}
    with ExitStack() as stack:
        addresses = [address for own in nodes.values() for address in own]
        inside = stack.enter_context(namespace(OWN, *addresses))
        started = [stack.enter_context(_node(inside.command(), *node)) for node in nodes.items()]
        words = inside.command("sh", "-c", _MOUNTS, "sh", str(SHIPPED.parent))
        base = Background(words, directory / "machine.log")
        stack.callback(base.kill)
        base.wait_for_output("mounted")
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening 25\n"
        yield Machine(base.pid, directory)


@contextmanager
def _node(
    prefix: Sequence[str], name: str, addresses: Sequence[str]
) -> Iterator[subprocess.Popen[str]]:
    command = [*prefix, sys.executable, "-m", "rrdns.demo.node", name, "25", *addresses]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield process
        finally:
            process.kill()
