"""The dependencies as wheels for the target, whatever machine this is. Anything missing or wrong stops the build.

Only what requirements.txt pins gets in: a dependency that nobody pinned would change from build to build, and one
that is left out fails in production, at the first cold start.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

from infra.targets import PackagingError, Target

_PINNED = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)")
_REQUIRES = re.compile(r"[A-Za-z0-9._-]+")
# The newest first. Amazon Linux 2023 (Python 3.12 and later) has glibc 2.34, Amazon Linux 2 has 2.26.
_GLIBC = {"3.11": ("2_17", "2_24", "2_26"), "3.12": ("2_17", "2_28", "2_34"), "3.13": ("2_17", "2_28", "2_34")}
_ELF_MACHINES = {"x86_64": 62, "aarch64": 183}


def unpack(requirements: Path, target: Target, wheelhouse: Path, into: Path) -> None:
    """Puts the packages of the pinned requirements into a directory."""
    pinned = pins(requirements.read_text(encoding="utf-8"))
    wheels = _download(requirements, pinned, target, wheelhouse)
    needed = {name: _unpack_one(wheel, into) for name, wheel in wheels.items()}
    _check_nothing_is_missing(needed)
    _check_machine_code(into, target)


def pins(text: str) -> dict[str, str]:
    """Versions by normalised name. Raises PackagingError for what is not pinned."""
    found: dict[str, str] = {}
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        if not line:
            continue
        pinned = _PINNED.fullmatch(line)
        if pinned is None:
            raise PackagingError(f"requirements.txt: '{line}' names no exact version")
        found[_normal(pinned[1])] = pinned[2]
    return found


def directory_for(pinned: dict[str, str], target: Target, wheelhouse: Path) -> Path:
    """Where those wheels are kept, so that they are downloaded once."""
    key = hashlib.sha256(repr(sorted(pinned.items())).encode()).hexdigest()[:16]
    return wheelhouse / f"{target.tag}-{target.machine}-{key}"


def _download(requirements: Path, pinned: dict[str, str], target: Target, wheelhouse: Path) -> dict[str, Path]:
    directory = directory_for(pinned, target, wheelhouse)
    if not directory.exists():
        partial = directory.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _pip_download(requirements, target, partial)
        partial.rename(directory)
    wheels = {_normal(path.name.split("-")[0]): path for path in directory.glob("*.whl")}
    missing = pinned.keys() - wheels.keys()
    if missing:
        raise PackagingError(f"no wheel for {target.runtime} on {target.architecture}: {', '.join(sorted(missing))}")
    return wheels


def _pip_download(requirements: Path, target: Target, into: Path) -> None:
    platforms = [f"manylinux_{glibc}_{target.machine}" for glibc in _GLIBC[target.python]]
    platforms.append(f"manylinux2014_{target.machine}")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", target.python),
        *("--abi", target.tag, "--abi", "abi3", "--abi", "none"),
        *(word for platform in platforms for word in ("--platform", platform)),
        *("--dest", str(into), "--requirement", str(requirements)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise PackagingError(f"a dependency could not be packaged:\n{done.stderr.strip()}")


def _unpack_one(wheel: Path, into: Path) -> set[str]:
    """The names of what the wheel requires in turn."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        moved = [name for name in names if re.search(r"^[^/]+\.data/(?!scripts/)", name)]
        if moved:
            raise PackagingError(f"{wheel.name} has files for other places than site-packages: {moved[0]}")
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        required = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []
        archive.extractall(into, [name for name in names if ".dist-info/" not in name and ".data/" not in name])
    return {_required_name(text) for text in required if "extra ==" not in text and _applies(text)}


def _applies(requirement: str) -> bool:
    """Whether the requirement concerns a supported Python; the only markers in use are of its version."""
    marker = requirement.partition(";")[2]
    below = re.search(r"python_version\s*<=?\s*['\"]3\.(\d+)['\"]", marker)
    return below is None or int(below[1]) > 11


def _required_name(requirement: str) -> str:
    found = _REQUIRES.match(requirement)
    return _normal(found[0] if found else requirement)


def _check_nothing_is_missing(needed: dict[str, set[str]]) -> None:
    unpinned = {f"{dependency} (of {name})" for name, names in needed.items() for dependency in names - needed.keys()}
    if unpinned:
        raise PackagingError(f"requirements.txt does not pin {', '.join(sorted(unpinned))}")


def _check_machine_code(directory: Path, target: Target) -> None:
    for path in directory.rglob("*.so*"):
        header = path.read_bytes()[:20]
        if header[:4] != b"\x7fELF" or int.from_bytes(header[18:20], "little") != _ELF_MACHINES[target.machine]:
            raise PackagingError(f"{path.name} is not machine code for {target.architecture}")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
