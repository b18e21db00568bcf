"""Builds the compiled extensions, for which `pyproject.toml` has no words.

They are optional: where no compiler or no Python headers are, pure Python serves. The environment
variable RRDNS_NATIVE says otherwise: `require` makes a failure of the build an error, `skip` builds
nothing.
"""

import os
from collections.abc import Mapping

from Cython.Build import cythonize
from setuptools import Extension, setup

# Portable code: a wheel runs on any machine of its architecture.
_FLAGS = ["-O3", "-Wno-unused-function"]
_SOURCES = {
    "rrdns._domains": "rrdns/_domains.pyx",
    "rrdns.table._native": "rrdns/table/_native.pyx",
    "rrdns.server._loop": "rrdns/server/_loop.pyx",
}
# Numbers are C's; lists and what else belongs to Python is checked as it is there.
_DIRECTIVES = {"language_level": 3, "cdivision": True}


def extensions(environment: Mapping[str, str]) -> list[Extension]:
    """Return what is to be built; ValueError if RRDNS_NATIVE is a word that we do not know."""
    wanted = environment.get("RRDNS_NATIVE") or "auto"
    if wanted not in ("auto", "require", "skip"):
        raise ValueError(f"RRDNS_NATIVE is {wanted!r}, and neither auto, require nor skip")
    if wanted == "skip":
        return []
    # What RRDNS_NATIVE_FLAGS names comes last, so that it wins: `make fuzz-native` uses it.
    more = environment.get("RRDNS_NATIVE_FLAGS", "").split()
    found = [
        Extension(name, [source], extra_compile_args=[*_FLAGS, *more], extra_link_args=more)
        for name, source in _SOURCES.items()
    ]
    made: list[Extension] = cythonize(
        found, build_dir="build/cython", compiler_directives=_DIRECTIVES
    )
    for extension in made:
        # Said here, because cythonize forgets it.
        extension.optional = wanted == "auto"
    return made


if __name__ == "__main__":
    setup(ext_modules=extensions(os.environ))
