"""`make fuzz-native`: the compiled executor under two sanitizers, for so many seconds.

The extension is built a second time, with AddressSanitizer and UndefinedBehaviorSanitizer and into
a directory of its own. Another interpreter, with their runtime loaded before everything else, tries
mutations of the golden packets with it until the time is over.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from support.programs import missing, require_program

ROOT = Path(__file__).parents[2]
_DIRECTORY = ROOT / "build" / "fuzz-native"
_FLAGS = "-O0 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
_BUILD_SECONDS = 300
_BATCH = 500
_LAST = "last-input"


def build() -> Path:
    """Return the directory of the extensions with sanitizers, built as far as they are not yet."""
    require_program("gcc")
    if not _runtime().is_absolute():
        missing("the compiler has no AddressSanitizer: apt-get install gcc libc6-dev")
    command = [sys.executable, "setup.py", "-q", "build_ext", "--parallel", "2"]
    command += ["--build-lib", str(_DIRECTORY), "--build-temp", str(_DIRECTORY / "temp")]
    words = {"RRDNS_NATIVE": "require", "RRDNS_NATIVE_FLAGS": _FLAGS}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **words},
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"the build with sanitizers failed:\n{done.stdout}{done.stderr}")
    return _DIRECTORY


def run(directory: Path, seconds: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Look for so many seconds, in an interpreter with the sanitizers' runtime."""
    words = {
        "LD_PRELOAD": str(_runtime()),
        # The interpreter itself leaks on purpose; what it allocates must be seen one by one.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
    }
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.native", str(seconds), str(directory), str(seed)],
        env={**os.environ, **words},
        capture_output=True,
        text=True,
        timeout=seconds + 120,
        check=False,
    )
    if done.returncode:
        done.stderr += f"found by {(directory / _LAST).read_bytes().hex()}\n"
    return done


def _runtime() -> Path:
    command = ["gcc", "-print-file-name=libasan.so"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def _look(seconds: int, directory: Path, seed: int) -> str:
    """Try inputs in this very process, which the sanitizers end where they find something."""
    import rrdns.table

    rrdns.table.__path__.insert(0, str(directory / "rrdns" / "table"))
    from rrdns.table import _native

    assert directory in Path(_native.__file__ or "").parents
    from fuzz.inputs import mutated, packets
    from fuzz.native_target import NativeTarget
    from fuzz.snapshots import golden_snapshots

    found, target = packets(), NativeTarget(golden_snapshots())
    end = time.monotonic() + seconds
    number = 0
    # A sanitizer ends the process: what it was about has to be written down before.
    last = os.open(directory / _LAST, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    while time.monotonic() < end:
        for data in mutated(found, _BATCH, seed + number):
            os.ftruncate(last, os.pwrite(last, data, 0))
            target(data)
        number += 1
    os.close(last)
    return f"{target.count} inputs, {target.hits} hits, seed {seed}: nothing found"


def main() -> None:
    """Run for the seconds that the command line says."""
    seconds = int(sys.argv[1])
    if len(sys.argv) > 2:
        sys.stdout.write(_look(seconds, Path(sys.argv[2]), int(sys.argv[3])) + "\n")
        return
    done = run(build(), seconds, random.SystemRandom().randrange(2**32))
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
