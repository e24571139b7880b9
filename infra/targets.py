"""What a package is built for: a version of Python and a processor; and the interpreter that can compile for it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = ("arm64", "x86_64")
PREFERRED = ("3.13", "3.12")
SUPPORTED = (*PREFERRED, "3.11")

_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"


class PackagingError(Exception):
    """The package cannot be built, or would not run."""


@dataclass(frozen=True, slots=True)
class Target:
    """`interpreter` runs the version of Python that the functions will run: bytecode is not portable between them."""

    python: str
    architecture: str
    interpreter: str

    @property
    def runtime(self) -> str:
        return f"python{self.python}"

    @property
    def tag(self) -> str:
        """As wheels name the version of Python."""
        return "cp" + self.python.replace(".", "")

    @property
    def machine(self) -> str:
        """As wheels name the processor."""
        return "aarch64" if self.architecture == "arm64" else "x86_64"


def choose(python: str | None = None, architecture: str = "arm64") -> Target:
    """A target for the named interpreter (a version or a path), or for the newest that is found here."""
    if architecture not in ARCHITECTURES:
        raise PackagingError(f"{architecture} is none of {', '.join(ARCHITECTURES)}")
    if python is None:
        version, interpreter = _best()
    elif python in SUPPORTED:
        version, interpreter = python, _find(python)
    else:
        version, interpreter = _version_of(python) or "", python
    if version not in SUPPORTED or not interpreter:
        raise PackagingError(f"there is no interpreter {python}; Python {', '.join(SUPPORTED)} can be packaged for")
    return Target(version, architecture, interpreter)


def of_this_process() -> Target:
    """What would run here: for tests that start the packaged functions."""
    architecture = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
    return Target(f"{sys.version_info.major}.{sys.version_info.minor}", architecture, sys.executable)


def _best() -> tuple[str, str]:
    for version in PREFERRED:
        interpreter = _find(version)
        if interpreter:
            return version, interpreter
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return version, sys.executable


def _find(version: str) -> str:
    """The path of an interpreter of this version, or nothing. A name on the PATH may be a shim that runs none."""
    return next((path for path in _candidates(version) if _version_of(path) == version), "")


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    for directory in os.get_exec_path():
        yield str(Path(directory) / f"python{version}")
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for installed in sorted(versions.glob(f"{version}.*"), reverse=True):
        yield str(installed / "bin" / f"python{version}")


def _version_of(interpreter: str) -> str | None:
    try:
        asked = subprocess.run([interpreter, "-I", "-c", _ASK], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version, _, implementation = asked.stdout.strip().partition(" ")
    return version if implementation == "cpython" else None
