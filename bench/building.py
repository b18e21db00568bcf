"""The benchmark's own C programs, compiled when it starts."""

import shutil
import subprocess
from pathlib import Path

_SOURCES = Path(__file__).parent / "programs"
PROGRAMS = ("client", "echo", "smtp")


def compiler() -> str | None:
    """Return the C compiler's path; None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def build(name: str, directory: Path, cc: str) -> Path:
    """Compile one of PROGRAMS into a directory; raises RuntimeError with the compiler's words."""
    program = directory / name
    done = subprocess.run(
        [cc, "-O2", "-o", str(program), str(_SOURCES / f"{name}.c")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{name}.c does not compile: {done.stderr}")
    return program
